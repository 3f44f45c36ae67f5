"""MixUp."""

import numpy as np

from kdl.checks import check_integer, check_number


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

    Args:
        num_classes: Integer in `[2, inf)`. Labels are integers below it.
        alpha: Float in `(0, inf)`. The larger, the nearer `lam` is to one half.
            `0.1` to `0.4` is usual. Defaults to `0.2`.

    Call arguments:
        x: Float array of shape `(batch, ...)`.
        y: Integer array of labels of shape `(batch,)`.
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
    """

    def __init__(self, num_classes, alpha=0.2):
        self.num_classes = check_integer("num_classes", num_classes, "[2, inf)")
        self.alpha = check_number("alpha", alpha, "(0, inf)")

    def __call__(self, x, y, rng, sample_weight=None):
        x, y = np.asarray(x), np.asarray(y)
        if y.ndim != 1 or not np.isin(y, np.arange(self.num_classes)).all():
            raise ValueError(
                f"`y` must hold one label per example, each one of 0 to "
                f"{self.num_classes - 1}. Received: y of shape {y.shape}, with values "
                f"from {y.min()} to {y.max()}"
            )
        if not np.issubdtype(x.dtype, np.floating):
            raise ValueError(
                f"`x` must be an array of floats. Received: x of dtype {x.dtype}"
            )
        lam = rng.beta(self.alpha, self.alpha, len(x)).astype("float32")
        other = rng.permutation(len(x))
        y = np.eye(self.num_classes, dtype="float32")[y.astype(int)]
        x = self._blend(x, x[other], lam)
        if sample_weight is None:
            return x, self._blend(y, y[other], lam)
        weight = np.asarray(sample_weight, "float32")
        mixed = self._blend(weight, weight[other], lam)
        # Where both count for nothing, so does the target.
        share = np.divide(lam * weight, mixed, out=lam.copy(), where=mixed > 0)
        return x, self._blend(y, y[other], share), mixed

    def _blend(self, a, b, lam):
        lam = lam.reshape(-1, *[1] * (a.ndim - 1)).astype(a.dtype)
        return lam * a + (1 - lam) * b
