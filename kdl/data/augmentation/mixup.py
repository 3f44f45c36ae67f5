"""MixUp."""

from typing import Any

import numpy as np

from kdl.checks import check_boolean, check_integer, check_number
from kdl.data.augmentation.targets import blended, blended_targets, soft_targets


class MixUp:
    """Blends each example of a batch, and its label, with another one.

    Example `i` becomes `lam * x_i + (1 - lam) * x_j`, where `j` is drawn without
    replacement from the same batch and `lam` from `Beta(alpha, alpha)`, both for
    each example. The target is the blend of the one-hot labels. With weights, each of
    the two counts by its own,

        weight = lam * weight_i + (1 - lam) * weight_j
        target = (lam * weight_i * label_i + (1 - lam) * weight_j * label_j) / weight

    so that the cross-entropy is the blend of the two weighted ones.

    `keras.layers.MixUp` runs in the input pipeline of TensorFlow alone; this runs
    in NumPy on every backend, inside `kdl.data.Batches`, whose seed repeats it.
    The paper draws one `lam` per batch; here each example has its own, which
    varies less from batch to batch.

    With `confine`, no mixed example lies nearer to a third example of the batch, of
    other classes than the two, than to both of the two. On the line from `j` to `i`,
    the places that are too near to a third one lie between two values of `lam`, which
    follow from the distances of the three; a `lam` between them becomes the nearer of
    these. That is the aim of AdaMixUp (Guo et al., 2019), to keep clear of "manifold
    intrusion", where a mixed example collides with a real one of another label. It is
    not its method: there a network learns from which interval `lam` is drawn for each
    pair, and a second network, trained along, tells which examples intrude. Here
    nothing is learned, the nearest neighbour in the batch stands for the second
    network, and distances are Euclidean, of the inputs as they are. A larger batch
    finds more intrusions.

    Args:
        num_classes: Integer in `[2, inf)`. Labels are integers below it.
        alpha: Float in `(0, inf)`. The larger, the nearer `lam` is to one half.
            `0.1` to `0.4` is usual. Defaults to `0.2`.
        confine: Boolean. Whether to keep mixed examples away from those of other
            classes. Defaults to `False`.

    Call arguments:
        x: Float array of shape `(batch, ...)`.
        y: Integer array of labels of shape `(batch,)`, or float array of shares of
            shape `(batch, num_classes)`, such as another MixUp or CutMix returns.
        rng: `numpy.random.Generator`.
        sample_weight: Optional array of shape `(batch,)`, of numbers in `[0, inf)`.

    Returns:
        Tuple `(x, y)`, where `y` has the dtype float32 and the shape
        `(batch, num_classes)`; with weights a tuple of these and of the new weights.

    Raises:
        ValueError: If an argument is outside its interval, or if a batch is not of
            floats with a label each.

    Example:

    >>> batches = kdl.data.Batches(x, y, augment=[kdl.data.MixUp(num_classes=10)])

    References:
        - [Zhang et al., 2018](https://arxiv.org/abs/1710.09412)
        - [Guo et al., 2019](https://arxiv.org/abs/1809.02499)
    """

    def __init__(
        self, num_classes: int, alpha: float = 0.2, confine: bool = False
    ) -> None:
        self.num_classes = check_integer("num_classes", num_classes, "[2, inf)")
        self.alpha = check_number("alpha", alpha, "(0, inf)")
        self.confine = check_boolean("confine", confine)

    def __call__(
        self,
        x: np.ndarray,
        y: np.ndarray,
        rng: np.random.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> tuple[Any, ...]:
        x, y = np.asarray(x), soft_targets(y, self.num_classes)
        if not np.issubdtype(x.dtype, np.floating):
            raise ValueError(
                f"`x` must be an array of floats. Received: x of dtype {x.dtype}"
            )
        lam = rng.beta(self.alpha, self.alpha, len(x)).astype("float32")
        other = rng.permutation(len(x))
        if self.confine:
            lam = _confined(lam, x.reshape(len(x), -1).astype(float), y, other)
        return blended(x, other, lam), *blended_targets(y, other, lam, sample_weight)


def _confined(lam, x, y, other):
    """`lam` where no third example, of other classes, is nearer than both of the two.

    With squared distances `d`, the mixed example is nearer to `i` than to `k` where

        (1 - lam) * (d_ij - d_jk) < lam * d_ik

    that is above one value of `lam`, and likewise nearer to `j` below another one.
    """
    squares = (x**2).sum(1)
    distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0)
    is_apart = y @ y.T == 0
    is_third = is_apart & is_apart[other]
    between = distances[np.arange(len(x)), other][:, None]
    to_first, to_second = distances, distances[other]
    least = _share(between - to_second, to_first, is_third)
    most = 1 - _share(between - to_first, to_second, is_third)
    nearer = np.where(lam - most < least - lam, most, least)
    return np.where((most < lam) & (lam < least), nearer, lam).astype(lam.dtype)


def _share(a, b, where):
    """The largest `a / (a + b)` of each row, where `a` is positive; 0 without any."""
    where = where & (a > 0)
    return np.divide(a, a + b, out=np.zeros_like(b), where=where).max(1)
