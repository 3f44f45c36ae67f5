"""Arrays of targets and of what a classifier says of them."""

import keras
import numpy as np

# How far rows of probabilities may be from a sum of one, as of float16.
_TOLERANCE = 1e-2


def check_probabilities(name, value, ndim=2):
    """Returns `value` as a float64 array, provided it holds probabilities of classes.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument, of shape `(examples, classes)`; or, where `ndim`
            is 3, `(members, examples, classes)`. Rows that differ from a sum of one by
            rounding are scaled to it.
        ndim: Integer. Number of axes. Defaults to `2`.

    Raises:
        ValueError: If `value` is anything else.
    """
    axes = {2: "(examples, classes)", 3: "(members, examples, classes)"}[ndim]
    allowed = f"`{name}` must be probabilities of shape {axes}, which sum to 1."
    found = as_array(name, value, ndim, allowed)
    sums = found.sum(-1, keepdims=True)
    if found.min() < 0 or np.abs(sums - 1).max() > _TOLERANCE:
        least, greatest = float(sums.min()), float(sums.max())
        raise ValueError(
            f"{allowed} Received: numbers from {float(found.min()):.4g}, with sums "
            f"from {least:.4g} to {greatest:.4g}"
        )
    return found / sums


def check_logits(name, value):
    """Returns `value` as a float64 array, provided it holds logits of two or more.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.

    Raises:
        ValueError: If `value` is not an array of shape `(examples, classes)`.
    """
    allowed = f"`{name}` must be finite numbers of shape (examples, classes)."
    return as_array(name, value, 2, allowed)


def as_array(name, value, ndim, allowed, least=2):
    """Returns `value` as a finite float64 array of so many axes, none of them empty.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.
        ndim: Integer. Number of axes.
        allowed: String. What is allowed, a sentence.
        least: Integer. Least size of the last of several axes, such as that of classes.
            Defaults to `2`.

    Raises:
        ValueError: If `value` is anything else.
    """
    try:
        found = np.asarray(value, "float64")
    except (TypeError, ValueError):
        raise ValueError(f"{allowed} Received: {name}={value!r}") from None
    if found.ndim != ndim or not found.size or (ndim > 1 and found.shape[-1] < least):
        raise ValueError(f"{allowed} Received: shape={found.shape}")
    if not np.isfinite(found).all():
        raise ValueError(f"{allowed} Received: numbers that are not finite")
    return found


def check_labels(name, value, shape):
    """Returns `value` as an integer array, provided it has a class for each example.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.
        shape: Tuple `(examples, classes)`.

    Raises:
        ValueError: If `value` is anything else.
    """
    examples, classes = shape
    allowed = f"`{name}` must be {examples} integers in [0, {classes})."
    labels = np.asarray(value)
    if labels.shape == (examples, 1):
        labels = labels[:, 0]
    if labels.shape != (examples,) or labels.dtype.kind not in "iu":
        raise ValueError(f"{allowed} Received: {labels.dtype} of shape {labels.shape}")
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        raise ValueError(f"{allowed} Received: {int(labels[np.argmax(outside)])}")
    return labels.astype("int64")


def check_classes(name, value):
    """Returns `value` as an integer array, provided it has classes, however many.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.

    Raises:
        ValueError: If `value` is anything else, or if it is empty.
    """
    allowed = f"`{name}` must be integers in [0, inf) of shape (examples,)."
    labels = np.asarray(value)
    if labels.shape[1:] == (1,):
        labels = labels[:, 0]
    if labels.ndim != 1 or not labels.size or labels.dtype.kind not in "iu":
        raise ValueError(f"{allowed} Received: {labels.dtype} of shape {labels.shape}")
    if labels.min() < 0:
        raise ValueError(f"{allowed} Received: {int(labels.min())}")
    return labels.astype("int64")


def check_trained(model):
    """Returns what `train` has returned, provided it is a model."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"`train` must return a keras.Model. Received: {model!r}")
    return model
