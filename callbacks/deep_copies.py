"""Copies of callbacks that are for the same data."""

import copy


def copy_sharing(callback, shared, memo):
    """Copies a callback deeply, but for one thing that it shares with its copies.

    KerasTuner copies callbacks and not the data that they act on.

    Args:
        callback: `keras.callbacks.Callback`.
        shared: What it keeps, such as the data of a fit.
        memo: Dict. The second argument of `__deepcopy__`.
    """
    memo[id(shared)] = shared
    copied = memo[id(callback)] = type(callback).__new__(type(callback))
    copied.__dict__.update(copy.deepcopy(callback.__getstate__(), memo))
    return copied
