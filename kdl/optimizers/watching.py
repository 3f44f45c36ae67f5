"""Norms of gradients and updates."""

import contextlib

from keras import ops

from kdl import private
from kdl.optimizers.tensors import assign, norms, read, subtract, where


@contextlib.contextmanager
def watching(optimizer, grads, variables, old, gradient_norms, update_ratios):
    """Keeps the norms of an update in two vectors.

    Args:
        optimizer: `keras.optimizers.Optimizer` that updates the variables meanwhile.
        grads: List of gradients, or `None`s.
        variables: List of `keras.Variable`s.
        old: Dict of the values of the variables, by id, which is used up.
        gradient_norms: Variable for the norms, an entry for each variable that the
            optimizer was built with: 0 for those without a gradient.
        update_ratios: Variable for the norms of what is added to the variables, over
            those of the variables.
    """
    pairs = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
    indices = [private.variable_index(optimizer, v) for _, v in pairs]
    gradients = [
        _whole_gradient(optimizer, gradient, variable) for gradient, variable in pairs
    ]
    old = [old[id(v)] for _, v in pairs]
    before = norms(gradients + old)
    accumulates = optimizer.gradient_accumulation_steps
    if accumulates:
        iterations = ops.copy(ops.convert_to_tensor(optimizer.iterations))
    yield
    changes = norms(subtract(old, read([v for _, v in pairs])))
    ratios = changes / (before[len(pairs) :] + 1e-12)
    vectors = [gradient_norms, update_ratios]
    values = [
        _spread(x, indices, gradient_norms) for x in (before[: len(pairs)], ratios)
    ]
    if accumulates:
        # A batch whose gradients are only added up leaves the last values.
        updated = [ops.not_equal(optimizer.iterations, iterations)] * 2
        values = where(updated, values, read(vectors))
    assign(vectors, values)


def _whole_gradient(optimizer, gradient, variable):
    """The gradient of an update, from that of a batch."""
    if optimizer.loss_scale_factor is not None:
        gradient = ops.divide(gradient, optimizer.loss_scale_factor)
    if optimizer.gradient_accumulation_steps:
        others = private.slot(optimizer, "accumulated_gradients", variable)
        gradient = ops.add(gradient, ops.convert_to_tensor(others))
        gradient = ops.divide(gradient, optimizer.gradient_accumulation_steps)
    return gradient


def _spread(values, indices, vector):
    (count,) = vector.shape
    if indices == list(range(count)):
        return values
    return ops.scatter_update(ops.zeros(count), [[i] for i in indices], values)
