"""Masks that Keras has for predictions."""

import keras
from keras import ops


def mask_of(y_pred, axis=-1):
    """Returns ones, and zeros where Keras's mask of the predictions leaves out labels.

    On JAX only Keras finds a mask, and gives it to a loss.

    Args:
        y_pred: Float tensor of scores.
        axis: Integer. Axis of the classes.

    Returns:
        Float32 tensor of the shape of `y_pred` without that axis.
    """
    return _Mask(axis)(y_pred, y_pred)


class _Mask(keras.losses.Loss):
    def __init__(self, axis):
        super().__init__(name="mask", reduction=None, dtype="float32")
        self.axis = axis

    def call(self, y_true, y_pred):
        shape = list(ops.shape(y_pred))
        del shape[self.axis]
        return ops.ones(shape)
