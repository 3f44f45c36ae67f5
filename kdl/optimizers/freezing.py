"""Frozen variables."""

import contextlib

from keras import ops

from kdl import private
from kdl.optimizers.tensors import assign, read, snapshot, where


@contextlib.contextmanager
def freezing(optimizer, grads, variables, old, frozen):
    """Leaves some variables, and their moving averages, as they were.

    It yields the gradients, of which those of frozen variables are zero, whatever they
    were, so that they reach neither the slots of the optimizer nor a global norm.

    Args:
        optimizer: `keras.optimizers.Optimizer` that updates the variables meanwhile.
        grads: List of gradients, or `None`s.
        variables: List of `keras.Variable`s.
        old: Dict of the values of the variables, by id.
        frozen: Dict of boolean scalars, by id, for the variables that may be frozen.
    """
    grads = list(grads)
    masked = [
        index
        for index, (gradient, variable) in enumerate(zip(grads, variables, strict=True))
        if gradient is not None and id(variable) in frozen
    ]
    conditions = [frozen[id(variables[index])] for index in masked]
    zeros = [0.0] * len(masked)
    chosen = where(conditions, zeros, [grads[index] for index in masked])
    for index, gradient in zip(masked, chosen, strict=True):
        grads[index] = gradient
    kept = [v for v in variables if id(v) in frozen]
    conditions = [frozen[id(v)] for v in kept]
    values = [old[id(v)] for v in kept]
    if optimizer.use_ema:
        averages = [
            private.slot(optimizer, "model_variables_moving_average", v) for v in kept
        ]
        # An average begins at the value of the variable.
        begins = [ops.equal(optimizer.iterations, 0)] * len(kept)
        values += where(begins, values, snapshot(averages))
        kept, conditions = kept + averages, conditions * 2
    yield grads
    assign(kept, where(conditions, values, read(kept)))
