"""Inputs on disk, on their way through a model."""

import contextlib

import numpy as np
from keras import tree

from kdl.data import Batches
from kdl.data.on_disk import OnDisk


def predicted(model, x):
    """Returns the outputs of a model; it reads inputs on disk batch by batch."""
    if not is_on_disk(x):
        return model.predict(x, verbose=0)
    batches = in_order(x, np.zeros(len(x)))
    with reading(batches):
        return model.predict(batches, verbose=0)


def evaluated(model, x, y=None):
    """Returns loss and metrics of a model, a dict of floats.

    Args:
        model: Compiled `keras.Model`.
        x: Inputs, maybe on disk, or `kdl.data.Batches` of inputs and targets.
        y: Targets of the inputs.
    """
    if is_on_disk(x):
        x, y = in_order(x, y), None
    with reading(x):
        return model.evaluate(x, y, verbose=0, return_dict=True)


@contextlib.contextmanager
def reading(*data):
    """Raises what reading inputs on disk raises, and forgets what was read ahead.

    TensorFlow makes an error of its own of it.
    """
    batches = [part for part in data if isinstance(part, Batches)]
    try:
        yield
    except Exception:
        for part in batches:
            if part.error is not None:
                raise part.error from None
        raise
    finally:
        for part in batches:
            part.release()


def in_order(x, y, sample_weight=None):
    """Returns batches of all examples, in order."""
    return Batches(x, y, shuffle=False, sample_weight=sample_weight)


def is_on_disk(x):
    """Whether inputs, or a part of them, are on disk."""
    return any(isinstance(part, OnDisk) for part in tree.flatten(x))
