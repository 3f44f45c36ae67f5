"""Means and variances of data that are read once, part by part."""

import numpy as np

from kdl.checks import check_integer
from kdl.data.on_disk import OnDisk
from kdl.typing import Arrays

# Numbers of a part that is in memory at once: 128 MB of float64.
_NUMBERS = 2**24


def moments(
    x: Arrays, axis: int | None = -1
) -> tuple[np.ndarray, np.ndarray] | tuple[float, float]:
    """Returns mean and variance of data, to normalize them by.

    `keras.layers.Normalization` takes both, and its `adapt` takes arrays that fit into
    memory. Here the data are read once, part by part, such as images that stay on disk,
    and missing numbers, NaN, do not count. Give it the training set alone: what
    validation and test have must not be known before.

    Args:
        x: Array of shape `(examples, ...)`, or inputs on disk, such as those of
            `kdl.data.load("images:DIR")`.
        axis: Integer in `[-n, n)` for `n` axes, and not that of the examples. The axis
            that has a mean and a variance for each place, such as features or channels.
            `None` for one of all numbers. Defaults to `-1`.

    Returns:
        Tuple of two float64 arrays of shape `(x.shape[axis],)`, or of two floats for
        `axis=None`: mean and variance, of the whole population. Where a number is
        always the same, and so could not be divided by its deviation, the variance is
        `1`; where there is none at all, the mean is `0`.

    Raises:
        ValueError: If `x` are no numbers, or have no example, or are infinite, or if
            `axis` is not as described.

    Example:

    >>> (x, y), validation, test = kdl.data.digits()
    >>> mean, variance = kdl.data.moments(x)
    >>> normalized = keras.layers.Normalization(mean=mean, variance=variance)(x)

    References:
        - [Chan, Golub and LeVeque, 1983](https://doi.org/10.1080/00031305.1983.10483115),
          variances of parts, joined
    """
    x = x if isinstance(x, OnDisk) else np.asarray(x)
    if x.ndim == 0 or not len(x) or x.dtype.kind not in "fiub":
        raise ValueError(
            "`x` must hold numbers, of shape (examples, ...), one example or more. "
            f"Received: {x.dtype} {tuple(x.shape)}"
        )
    if axis is not None:
        axis = check_integer("axis", axis, f"[-{x.ndim}, {x.ndim})")
        if axis % x.ndim == 0:
            raise ValueError(
                f"`axis` must not be that of the examples. Received: axis={axis}"
            )
    places = 1 if axis is None else x.shape[axis]
    count, mean, squares = np.zeros((3, places))
    rows = max(1, _NUMBERS // max(1, int(np.prod(x.shape[1:]))))
    for start in range(0, len(x), rows):
        part = x[np.arange(start, min(start + rows, len(x)))].astype("float64")
        if axis is None:
            part = part.ravel()[:, np.newaxis]
        else:
            # There may be no place at all, of which NumPy knows no -1.
            part = np.moveaxis(part, axis, -1)
            part = part.reshape(int(np.prod(part.shape[:-1])), places)
        if np.isinf(part).any():
            raise ValueError("`x` must hold finite numbers, or NaN. Received: inf")
        known = ~np.isnan(part)
        some = known.sum(0)
        own = np.where(known, part, 0).sum(0) / np.maximum(some, 1)
        spread = np.where(known, part - own, 0)
        # Of two parts together, by the means of both.
        both = np.maximum(count + some, 1)
        squares += np.square(spread).sum(0) + (own - mean) ** 2 * count * some / both
        mean += (own - mean) * some / both
        count += some
    variance = squares / np.maximum(count, 1)
    # Rounding leaves a little of the variance of a constant.
    variance = np.where(np.sqrt(variance) > 1e-6 * np.abs(mean), variance, 1.0)
    return (
        (mean, variance) if axis is not None else (float(mean[0]), float(variance[0]))
    )
