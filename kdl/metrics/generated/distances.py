"""How two sets of features differ."""

import numpy as np
from scipy.linalg import eigh

from kdl.checks import check_integer

_AT_ONCE = 512  # Rows of a matrix of distances.


def frechet_distance(real, generated):
    """Returns the Fréchet distance of two sets of features.

    With means `m` and covariances `C` of the two sets, it is

        |m_1 - m_2|² + trace(C_1 + C_2 - 2 (C_1 C_2)^(1/2))

    the squared distance of two normal distributions. Of few samples it is too large:
    compare distances of equal numbers of samples.

    Args:
        real: Float array of shape `(examples, features)`, of two examples or more.
        generated: Float array of shape `(samples, features)`, of two samples or more.

    Returns:
        Float in `[0, inf)`.

    Raises:
        ValueError: If the arrays are not as described.

    Example:

    >>> features = np.random.default_rng(0).normal(size=(2, 100, 8))
    >>> distance = kdl.metrics.frechet_distance(*features)

    References:
        - [Heusel et al., 2017](https://arxiv.org/abs/1706.08500)
    """
    real, generated = check_features(real, generated, 2)
    difference = real.mean(0) - generated.mean(0)
    one, other = (
        np.atleast_2d(np.cov(part, rowvar=False)) for part in (real, generated)
    )
    # The square root of the product has the trace of that of a symmetric matrix, of
    # which no eigenvalue is negative but by rounding.
    values, vectors = eigh(one)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    values = eigh(root @ other @ root, eigvals_only=True)
    common = np.sqrt(np.maximum(values, 0)).sum()
    distance = difference @ difference + np.trace(one) + np.trace(other) - 2 * common
    return max(0.0, float(distance))


def precision_recall(real, generated, neighbours=5):
    """Returns which shares of two sets of features lie within each other.

    A ball around each example reaches to the `neighbours`-th nearest of its own set.
    Precision is the share of samples within a ball of a real example, and recall the
    share of real examples within a ball of a sample.

    Args:
        real: Float array of shape `(examples, features)`.
        generated: Float array of shape `(samples, features)`.
        neighbours: Integer in `[1, inf)`, less than the examples of either. Defaults to
            `5`.

    Returns:
        Tuple of two floats in `[0, 1]`.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> features = np.random.default_rng(0).normal(size=(2, 100, 8))
    >>> precision, recall = kdl.metrics.precision_recall(*features)

    References:
        - [Kynkäänniemi et al., 2019](https://arxiv.org/abs/1904.06991)
    """
    real, generated = _check(real, generated, neighbours)
    radii = [_radii(part, neighbours) for part in (real, generated)]
    within_real, within_generated = _within(real, generated, *radii)
    return float((within_real > 0).mean()), float((within_generated > 0).mean())


def density_coverage(real, generated, neighbours=5):
    """Returns how densely samples lie among real examples, and how many they reach.

    A ball around each real example reaches to the `neighbours`-th nearest real one.
    Density is the mean number of balls that a sample is in, divided by `neighbours`,
    and coverage the share of balls with a sample in them. Unlike precision and recall,
    they take a single outlier for what it is.

    Args:
        real: Float array of shape `(examples, features)`.
        generated: Float array of shape `(samples, features)`.
        neighbours: Integer in `[1, inf)`, less than the examples of either. Defaults to
            `5`.

    Returns:
        Tuple of two floats: the density in `[0, inf)`, the coverage in `[0, 1]`.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> features = np.random.default_rng(0).normal(size=(2, 100, 8))
    >>> density, coverage = kdl.metrics.density_coverage(*features)

    References:
        - [Naeem et al., 2020](https://arxiv.org/abs/2002.09797)
    """
    real, generated = _check(real, generated, neighbours)
    radii = _radii(real, neighbours)
    counts, reached = np.zeros(len(generated), int), np.zeros(len(real), bool)
    for rows, distances in _distances(real, generated):
        inside = distances <= radii[rows, np.newaxis]
        counts += inside.sum(0)
        reached[rows] = inside.any(1)
    return float(counts.mean() / neighbours), float(reached.mean())


def nearest(real, generated):
    """Returns the place of the real example that is nearest to each sample."""
    best = np.full(len(generated), np.inf)
    places = np.zeros(len(generated), int)
    for rows, distances in _distances(real, generated):
        least = distances.min(0)
        places = np.where(least < best, rows[distances.argmin(0)], places)
        best = np.minimum(least, best)
    return places


def check_features(real, generated, least):
    """Returns two arrays of features in float64.

    Args:
        real: Array of shape `(examples, features)`.
        generated: Array of shape `(samples, features)`.
        least: Integer. How many examples each must have.

    Raises:
        ValueError: If they are not.
    """
    parts = []
    for name, part in (("real", real), ("generated", generated)):
        part = np.asarray(part, "float64")
        if part.ndim != 2 or len(part) < least or not np.isfinite(part).all():
            what = f"shape {part.shape}" if np.isfinite(part).all() else "NaN or inf"
            raise ValueError(
                f"`{name}` must be finite numbers of shape (examples, features), of "
                f"{least} examples or more. Received: {what}"
            )
        parts.append(part)
    if parts[0].shape[1] != parts[1].shape[1]:
        raise ValueError(
            f"`generated` must have {parts[0].shape[1]} features, as `real` has. "
            f"Received: {parts[1].shape[1]}"
        )
    return parts


def _check(real, generated, neighbours):
    check_integer("neighbours", neighbours, "[1, inf)")
    return check_features(real, generated, neighbours + 1)


def _radii(features, neighbours):
    """Distance from each row to its `neighbours`-th nearest other one."""
    radii = np.empty(len(features))
    for rows, distances in _distances(features, features):
        # The row itself is at 0.
        radii[rows] = np.partition(distances, neighbours, axis=1)[:, neighbours]
    return radii


def _within(real, generated, real_radii, generated_radii):
    """How many balls of the other set each sample and each real example is in."""
    samples, examples = np.zeros(len(generated), int), np.zeros(len(real), int)
    for rows, distances in _distances(real, generated):
        samples += (distances <= real_radii[rows, np.newaxis]).sum(0)
        examples[rows] = (distances <= generated_radii).sum(1)
    return samples, examples


def _distances(one, other):
    """Yields rows of the first set, and their distances from all of the second."""
    from scipy.spatial.distance import cdist

    for start in range(0, len(one), _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, len(one)))
        yield rows, cdist(one[rows], other)
