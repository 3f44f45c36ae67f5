"""Sequences moved one step to the right."""

from keras import ops


class ShiftRight:
    """Moves tokens, or anything by step, one step to the right.

    A step that is masked is passed over: what stands before a token is the last one
    that is not masked.

    Args:
        mask: Optional boolean tensor `(batch, length)`. False where a step is masked.
    """

    def __init__(self, mask=None):
        self._places = None if mask is None else _places(mask)

    def __call__(self, steps, first):
        """Returns what stands before each step.

        Args:
            steps: Tensor `(batch, length, …)`.
            first: Number, or tensor `(batch, …)`, that stands before the first step.
        """
        first = ops.cast(ops.convert_to_tensor(first), steps.dtype)
        first = ops.broadcast_to(first, ops.shape(steps[:, 0]))[:, None]
        if self._places is None:
            return ops.concatenate([first, steps[:, :-1]], axis=1)
        rest = [1] * (len(steps.shape) - 2)
        places = ops.reshape(self._places, (*ops.shape(self._places), *rest))
        steps = ops.concatenate([first, steps], axis=1)
        return ops.take_along_axis(steps, places, axis=1)


def _places(mask):
    """Where the step before each step is, among those from 1 on; 0 if there is none."""
    count = ops.cumsum(ops.cast(mask, "int32"), axis=1)
    before = count - ops.cast(mask, "int32")
    steps = ops.arange(1, ops.shape(mask)[1] + 1, dtype="int32")
    # The steps that are not masked come first, in their order.
    length = ops.shape(mask)[1]
    order = ops.argsort(ops.where(mask, steps, steps + length), axis=1)
    order = ops.cast(order, "int32") + 1
    place = ops.take_along_axis(order, ops.maximum(before - 1, 0), axis=1)
    return ops.where(before > 0, place, 0)
