"""Functions of a model as programs of the backend, with gradients or without."""

import weakref
from typing import NamedTuple

import keras
from keras import ops


class Programs(NamedTuple):
    """How the backend runs a function of a model.

    Each attribute takes a model and a function, and returns a function of tensors. The
    function is called with the model and the tensors. It may hold the model by no other
    way, since programs are kept as long as the model is.

    Attributes:
        plain: Runs a function, without gradients.
        differentiated: Runs a function of which the first tensors are a list, and that
            returns numbers of shape `(examples,)`. Returns the gradients of their sum
            by each tensor of the list, and the numbers.
        traced: Calls a function once, as for a program that is not run, so that it may
            look at shapes.
    """

    plain: object
    differentiated: object
    traced: object


def programs():
    """Returns the `Programs` of this backend."""
    match keras.backend.backend():
        case "jax":
            return _of_jax()
        case "tensorflow":
            return _of_tensorflow()
        case "torch":
            return _of_torch()
    raise ValueError(
        "Attributions need the backend tensorflow, jax or torch. Received: "
        f"{keras.backend.backend()}"
    )


def _of_jax():
    import jax

    def stateless(model, function):
        """The function, with the weights as its first argument."""
        model = weakref.ref(model)

        def run(state, *tensors):
            pairs = list(zip(model().variables, state, strict=True))
            with keras.StatelessScope(state_mapping=pairs):
                return function(model(), *tensors)

        return model, run

    def now(model):
        # Else a model that is trained further would keep the weights it had.
        return [variable.value for variable in model().variables]

    def plain(model, function):
        model, run = stateless(model, function)
        compiled = jax.jit(run)
        return lambda *tensors: compiled(now(model), *tensors)

    def differentiated(model, function):
        model, run = stateless(model, function)

        def total(values, state, *tensors):
            numbers = run(state, values, *tensors)
            return ops.sum(numbers), numbers

        compiled = jax.jit(jax.grad(total, has_aux=True))
        return lambda values, *tensors: compiled(values, now(model), *tensors)

    def traced(model, function):
        model, run = stateless(model, function)
        return lambda *tensors: jax.eval_shape(run, now(model), *tensors)

    return Programs(plain, differentiated, traced)


def _of_tensorflow():
    import tensorflow as tf

    def plain(model, function):
        model = weakref.ref(model)

        @tf.function(autograph=False)
        def run(*tensors):
            return function(model(), *tensors)

        return run

    def differentiated(model, function):
        model = weakref.ref(model)

        @tf.function(autograph=False)
        def run(values, *tensors):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(values)
                numbers = function(model(), values, *tensors)
            gradients = tape.gradient(
                numbers, values, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )
            # That of a lookup is sparse.
            return [tf.convert_to_tensor(part) for part in gradients], numbers

        return run

    def traced(model, function):
        return plain(model, function).get_concrete_function

    return Programs(plain, differentiated, traced)


def _of_torch():
    import torch

    def plain(model, function):
        model = weakref.ref(model)

        def run(*tensors):
            with torch.no_grad():
                return function(model(), *tensors)

        return run

    def differentiated(model, function):
        model = weakref.ref(model)

        def run(values, *tensors):
            values = [value.detach().requires_grad_() for value in values]
            with torch.enable_grad():
                numbers = function(model(), values, *tensors)
                gradients = torch.autograd.grad(
                    numbers.sum(), values, allow_unused=True, materialize_grads=True
                )
            return list(gradients), numbers.detach()

        return run

    return Programs(plain, differentiated, plain)
