"""A step of training by a layer alone, on any backend."""

import functools
import inspect
import math
import time

import keras
import numpy as np
from keras import ops

BACKEND = keras.backend.backend()
SECONDS = 0.05  # A run repeats the step until it takes about as long.


def timer(part, inputs):
    """A function that returns the seconds of a step of training by a part."""
    step = stepper(part, inputs)
    step()  # Compiles.
    times = 1
    while (seconds := repeat(step, times)) * times < SECONDS:
        times = max(times + 1, math.ceil(SECONDS / seconds))
    return functools.partial(repeat, step, times)


def repeat(step, times):
    start = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - start) / times


def stepper(part, inputs):
    """A function that calls a part in training, for its outputs and gradients.

    Args:
        part: `keras.layers.Layer`, or `torch.nn.Module` with the channels first.
        inputs: List of shapes of random inputs and, after those, of arrays of
            integers. Gradients are of the former, and of the weights.
    """
    rng = np.random.default_rng(0)
    inputs = [
        rng.normal(size=x).astype("float32") if isinstance(x, tuple) else x
        for x in inputs
    ]
    inputs = [ops.convert_to_tensor(x) for x in inputs]
    if not isinstance(part, keras.layers.Layer):
        # The same memory, which PyTorch convolves faster than with channels first.
        inputs = [x.permute(0, 3, 1, 2) if x.ndim == 4 else x for x in inputs]
        inputs = [x if is_float(x) else x.long() for x in inputs]
        return step_of_torch(part, list(part.parameters()), inputs, rng)
    options = {}
    if "training" in inspect.signature(part.call).parameters:
        options["training"] = True

    def call(*inputs, function=part):
        return function(inputs[0] if len(inputs) == 1 else list(inputs), **options)

    call(*inputs)  # Builds.
    step = {"jax": step_of_jax, "tensorflow": step_of_tensorflow}
    if BACKEND in step:
        return step[BACKEND](part, call, inputs, rng)
    weights = [variable.value for variable in part.trainable_variables]
    return step_of_torch(
        lambda *x: [call(*x), part.losses],
        weights,
        inputs,
        rng,
    )


def step_of_jax(part, call, inputs, rng):
    import jax

    weights = [variable.value for variable in part.trainable_variables]
    state = [variable.value for variable in part.non_trainable_variables]
    floats, integers = divided(inputs)

    def forward(weights, floats, state, integers):
        stateless = functools.partial(
            part.stateless_call, weights, state, return_losses=True
        )
        outputs, state, losses = call(*floats, *integers, function=stateless)
        outputs, others = divided([outputs, losses])
        return outputs, (others, state)

    @jax.jit
    def train(weights, floats, state, integers, upstream):
        outputs, backward, others = jax.vjp(
            lambda *x: forward(*x, state, integers), weights, floats, has_aux=True
        )
        return others[1], (outputs, others, backward(upstream))

    outputs, _ = jax.eval_shape(forward, weights, floats, state, integers)
    upstream = gradients_like(outputs, rng)

    def step():
        nonlocal state
        state, results = train(weights, floats, state, integers, upstream)
        jax.block_until_ready(results)

    return step


def step_of_tensorflow(part, call, inputs, rng):
    import tensorflow as tf

    floats, integers = divided(inputs)

    def forward(*inputs):
        return divided([call(*inputs), part.losses])

    # As `fit` does.
    @tf.function(jit_compile=bool(tf.config.list_physical_devices("GPU")))
    def train(floats, integers, upstream):
        with tf.GradientTape() as tape:
            tape.watch(floats)
            outputs, others = forward(*floats, *integers)
        weights = [variable.value for variable in part.trainable_variables]
        gradients = tape.gradient(outputs, [*weights, *floats], upstream)
        # Of an embedding, XLA would leave them unmade.
        gradients = [g if g is None else tf.convert_to_tensor(g) for g in gradients]
        return outputs, others, gradients

    upstream = gradients_like(forward(*inputs)[0], rng)
    return lambda: train(floats, integers, upstream)


def step_of_torch(call, weights, inputs, rng):
    import torch

    floats, integers = divided(inputs)
    sources = [*weights, *(x.requires_grad_() for x in floats)]

    def forward():
        return divided(call(*floats, *integers))

    upstream = gradients_like(forward()[0], rng)

    def step():
        outputs, _ = forward()
        torch.autograd.grad(outputs, sources, upstream, allow_unused=True)

    return step


def divided(tensors):
    """Those of some tensors that are floats, and the others."""
    tensors = keras.tree.flatten(tensors)
    return (
        [x for x in tensors if is_float(x)],
        [x for x in tensors if not is_float(x)],
    )


def is_float(x):
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype))


def gradients_like(outputs, rng):
    return [ops.convert_to_tensor(rng.normal(size=x.shape), x.dtype) for x in outputs]
