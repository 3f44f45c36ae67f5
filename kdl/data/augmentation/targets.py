"""Targets of examples that are made of two."""

import numpy as np


def soft_targets(y, num_classes):
    """Targets as shares of the classes, float32 of shape `(batch, num_classes)`.

    Args:
        y: Integer array of labels of shape `(batch,)`, or float array of shares of
            shape `(batch, num_classes)`.
        num_classes: Integer.

    Raises:
        ValueError: If `y` is neither.
    """
    y = np.asarray(y)
    is_soft = y.shape[1:] == (num_classes,) and y.dtype.kind == "f"
    if is_soft and (y >= 0).all():
        return y.astype("float32")
    if y.ndim != 1 or not np.isin(y, np.arange(num_classes)).all():
        raise ValueError(
            f"`y` must hold one label per example, each one of 0 to "
            f"{num_classes - 1}, or shares of the classes, of shape (batch, "
            f"{num_classes}). Received: y of shape {y.shape}, with values from "
            f"{y.min()} to {y.max()}"
        )
    return np.eye(num_classes, dtype="float32")[y.astype(int)]


def blended_targets(y, other, lam, sample_weight):
    """Targets of examples that are blends of two, and their weights if there are any.

    With weights, each of the two counts by its own,

        weight = lam * weight_i + (1 - lam) * weight_j
        target = (lam * weight_i * target_i + (1 - lam) * weight_j * target_j) / weight

    so that the cross-entropy is the blend of the two weighted ones.

    Args:
        y: Float array of shape `(batch, num_classes)`.
        other: Integer array of shape `(batch,)`. The second example of each.
        lam: Float array of shape `(batch,)`. How much of the first there is.
        sample_weight: Array of shape `(batch,)`, or `None`.

    Returns:
        List of the targets, or of targets and weights.
    """
    if sample_weight is None:
        return [blended(y, other, lam)]
    weight = np.asarray(sample_weight, "float32")
    mixed = blended(weight, other, lam)
    # Where both count for nothing, so does the target.
    share = np.divide(lam * weight, mixed, out=lam.copy(), where=mixed > 0)
    return [blended(y, other, share), mixed]


def blended(a, other, lam):
    """`lam * a_i + (1 - lam) * a_j` for each example."""
    lam = lam.reshape(-1, *[1] * (a.ndim - 1)).astype(a.dtype)
    return lam * a + (1 - lam) * a[other]
