"""Samples of examples, and what a model makes of them."""

import keras
import numpy as np


def class_labels(y, outputs):
    """Returns the labels of examples and those that a model predicts.

    Args:
        y: Array of targets. Classes are integers of shape `(examples,)` or
            `(examples, 1)`, or one-hot vectors of shape `(examples, classes)`.
        outputs: Array of what the model makes of the examples: probabilities or
            logits of shape `(examples, classes)`, or of shape `(examples, 1)` for the
            second of two classes.

    Returns:
        Tuple of two integer arrays of shape `(examples,)`, or `None` if the targets are
        no classes.
    """
    if outputs.ndim != 2:
        return None
    count = outputs.shape[1]
    if count > 1 and y.shape == outputs.shape:
        if not (np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all()):
            return None
        labels = y.argmax(axis=1)
    elif y.size == len(outputs) and np.isin(y, np.arange(max(count, 2))).all():
        labels = y.reshape(-1).astype("int64")
    else:
        return None
    if count > 1:
        return labels, outputs.argmax(axis=1)
    # Probabilities, or else logits.
    is_probability = (outputs >= 0).all() and (outputs <= 1).all()
    return labels, (outputs[:, 0] > (0.5 if is_probability else 0.0)).astype("int64")


def images_of(x):
    """Returns inputs that are images with their channels last, otherwise `None`.

    Args:
        x: Array, or a nest of arrays, of shape `(examples, ...)`. Images have 1, 3 or 4
            channels.
    """
    if len(keras.tree.flatten(x)) != 1:
        return None
    x = np.asarray(x)
    if x.ndim == 4 and keras.config.image_data_format() == "channels_first":
        x = np.moveaxis(x, 1, -1)
    return x if x.ndim == 4 and x.shape[-1] in (1, 3, 4) else None
