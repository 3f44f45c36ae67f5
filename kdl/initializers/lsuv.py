"""Layer-sequential unit variance."""

import contextlib
import math
import re

import keras
import numpy as np
from keras import ops

from kdl import private
from kdl.checks import check_integer, check_number, check_seed
from kdl.typing import Tensor

DEPTHWISE = keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D


def lsuv(
    model: keras.Layer,
    batch: Tensor,
    tolerance: float = 0.05,
    max_iterations: int = 10,
    seed: int | None = None,
) -> dict[str, float]:
    """Sets the kernels of a model so that each layer's outputs have unit variance.

    Each layer, in the order in which the model calls them, gets an orthogonal kernel,
    which is then divided by the standard deviation of the layer's outputs before its
    activation,

        kernel <- kernel / sqrt(var(outputs)),

    until their variance over the batch is `1 ± tolerance`. All this happens at
    inference, in one pass of the batch through the model.

    An initializer knows the shape of a kernel only. This sees what comes in, hence
    holds for any activation, depth, normalization and residual connection.

    Set are the layers with an `activation` and a trainable `kernel` (of a separable
    convolution the pointwise one): `Dense`, `EinsumDense`, also those within
    `MultiHeadAttention`, convolutions, and what inherits from them. A layer that is
    called several times is set at its first call. Depthwise kernels, which are no
    matrices, keep their direction and are only scaled. Biases, frozen and recurrent
    layers stay as they are. Where the paper gives up on a layer and goes on, this
    refuses.

    Args:
        model: `keras.Model` or another layer. Built by the batch if it is not yet.
        batch: What the model is called on: a tensor, or a list, tuple or dict of
            tensors. Some hundred examples, preprocessed as in training.
        tolerance: Float in `(0, 1)`. How far from one a variance may be. Defaults to
            `0.05`.
        max_iterations: Integer in `[1, inf)`. How often to divide a kernel. Without
            biases, once is enough up to rounding. Defaults to `10`.
        seed: Optional integer. Makes the kernels reproducible on a given backend.
            Defaults to `None`.

    Returns:
        Dict from the path of each layer that was set to the variance reached, as a
        float, in the order of the calls. Repeated paths are numbered.

    Raises:
        ValueError: If an argument is outside its interval, or if the outputs of a layer
            do not vary, are not finite, or do not reach the tolerance. All weights then
            are as they were before.

    Example:

    >>> variances = kdl.initializers.lsuv(model, x, seed=0)

    References:
        - [Mishkin and Matas, 2016](https://arxiv.org/abs/1511.06422)
    """
    tolerance = check_number("tolerance", tolerance, "(0, 1)")
    max_iterations = check_integer("max_iterations", max_iterations, "[1, inf)")
    seed = keras.random.SeedGenerator(check_seed("seed", seed))
    orthogonal = keras.initializers.Orthogonal(seed=seed)
    if not all(layer.built for layer in private.layers_of(model)):
        model(batch, training=False)
    kernels = [(layer, _kernel(layer)) for layer in private.layers_of(model)]
    kernels = [(layer, kernel) for layer, kernel in kernels if kernel is not None]
    # Copies, since the arrays of PyTorch share the memory of its tensors.
    before = [np.array(ops.convert_to_numpy(kernel)) for _, kernel in kernels]
    variances, refusals = {}, []

    def setting(layer, kernel, old):
        """What to call in place of a layer: sets it, unless that has been done."""
        call, called = layer.call, False

        def wrapper(*args, **kwargs):
            nonlocal called
            if called:
                return call(*args, **kwargs)
            called = True
            path, start = _unused(layer.path, variances), old
            if not isinstance(layer, DEPTHWISE):
                start = _orthogonal(layer, kernel.shape, orthogonal)
            scale = 1.0
            for _ in range(max_iterations + 1):
                _assign(kernel, start / scale)
                outputs, variance = _measure(layer, call, args, kwargs)
                if abs(variance - 1) <= tolerance:
                    variances[path] = variance
                    return outputs
                if not 0 < variance < float("inf"):
                    break
                scale *= variance**0.5
            refusals.append(_refusal(variance, path, tolerance, max_iterations))
            raise ValueError(refusals[0])

        return wrapper

    try:
        with contextlib.ExitStack() as stack:
            for (layer, kernel), old in zip(kernels, before, strict=True):
                wrapper = setting(layer, kernel, old)
                stack.enter_context(private.replaced(layer, {"call": wrapper}))
            model(batch, training=False)
    except BaseException:
        for (_, kernel), old in zip(kernels, before, strict=True):
            kernel.assign(old)
        if refusals:
            # Keras buries it in an account of every call that it went through.
            raise ValueError(refusals[0]) from None
        raise
    return variances


def _kernel(layer):
    """The kernel that is set in a layer, or `None`."""
    if hasattr(layer, "activation") and not hasattr(layer, "recurrent_kernel"):
        for name in ("kernel", "pointwise_kernel"):
            kernel = getattr(layer, name, None)
            if any(kernel is weight for weight in layer.trainable_weights):
                return kernel
    return None


def _orthogonal(layer, shape, orthogonal):
    """A kernel that is orthogonal as a matrix from inputs to outputs."""
    if not isinstance(layer, keras.layers.EinsumDense):
        return orthogonal(shape, dtype="float32")
    # Its inputs may be any axes: those that the outputs do not have.
    _, labels, results = re.split(",|->", layer.equation.replace(" ", ""))
    order = sorted(range(len(shape)), key=lambda axis: labels[axis] in results)
    inputs = [size for size, x in zip(shape, labels, strict=True) if x not in results]
    rows = math.prod(inputs)
    matrix = orthogonal((rows, math.prod(shape) // rows), dtype="float32")
    matrix = ops.reshape(matrix, [shape[axis] for axis in order])
    return ops.transpose(matrix, [order.index(axis) for axis in range(len(shape))])


def _assign(kernel, value):
    """Assigns to a kernel, also while its layer is called in mixed precision."""
    # There, PyTorch would assign to a copy of low precision. Without `autocast`, a
    # layer leaves variables as they are.
    keras.layers.Lambda(kernel.assign, autocast=False, name="lsuv")(value)


def _measure(layer, call, args, kwargs):
    """What a layer returns, and the variance before its activation."""
    activation, seen = layer.activation, []

    def watch(inputs):
        seen.append(inputs)
        return inputs if activation is None else activation(inputs)

    with private.replaced(layer, {"activation": watch}):
        outputs = call(*args, **kwargs)
    (values,) = seen[:1] or [outputs]
    variance = ops.convert_to_numpy(ops.var(ops.cast(values, "float32")))
    return outputs, float(variance)


def _refusal(variance, path, tolerance, max_iterations):
    """What to say of a layer whose variance is too far from one."""
    if not 0 < variance < float("inf"):
        return (
            "`batch` must give outputs that are finite and vary at each layer. "
            f"Received: a batch that gives a variance of {variance} at layer {path!r}"
        )
    return (
        f"`max_iterations` must suffice for a variance within {tolerance} of 1. "
        f"Received: max_iterations={max_iterations}, which leaves a variance of "
        f"{variance} at layer {path!r}"
    )


def _unused(path, taken):
    """A path, with a number if there is one like it."""
    unused, count = path, 1
    while unused in taken:
        unused, count = f"{path}_{count}", count + 1
    return unused
