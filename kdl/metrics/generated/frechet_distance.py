"""Fréchet distance of features."""

import warnings

import numpy as np
from numpy.typing import ArrayLike

from kdl.metrics.generated.arrays import check_alike

# Examples for each feature, from which the distance of real data to themselves is small
# beside what there is to see.
ENOUGH = 10


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Returns the Fréchet distance of two sets of features.

    It is that of Gaussians of the means and covariances of the sets, A and B:

        |mean(a) - mean(b)|² + trace(A + B - 2 (A B)^½)

    FID is this of the features of an Inception network. Both figures are squares of a
    distance. It is 0 for sets of equal means and covariances, whatever else differs.

    Of samples, it is biased upwards, by about the inverse of their number: compare
    figures of the same numbers of examples alone. If either set has no more examples
    than features, a warning says that the bias is all one sees.

    `clean-fid` and `torch-fidelity` compute the root of the product `A B` by
    `scipy.linalg.sqrtm`, and add a little to singular covariances. Here its trace is
    the sum of the singular values of `A^½ B^½`, of roots by eigenvalues, which is the
    same and takes singular ones as they are.

    Args:
        a: Array of shape `(examples, features)`.
        b: Array of shape `(examples, features)`.

    Returns:
        Float, 0 or more, in float64.

    Raises:
        ValueError: If an array has another number of axes, fewer than two examples or
            numbers that are not finite, or if their features are not as many.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> real, generated = rng.normal(size=(1000, 2)), rng.normal(1, 1, (1000, 2))
    >>> distance = kdl.metrics.frechet_distance(real, generated)  # About 2.

    References:
        - [Dowson and Landau, 1982](https://doi.org/10.1016/0047-259X(82)90077-X)
        - [Heusel et al., 2017](https://arxiv.org/abs/1706.08500), FID
        - [Chong and Forsyth, 2020](https://arxiv.org/abs/1911.07023), its bias
    """
    a, b = check_alike(a=a, b=b)
    warn_of_few(min(len(a), len(b)), a.shape[1], stacklevel=3)
    return distance(a, b)


def distance(a, b):
    """Returns the Fréchet distance of two arrays that have been checked."""
    gap = np.sum((a.mean(0) - b.mean(0)) ** 2)
    (root_a, trace_a), (root_b, trace_b) = map(_root, (a, b))
    shared = np.linalg.svd(root_a @ root_b, compute_uv=False).sum()
    # What is equal may differ by the last digits.
    return float(max(0.0, gap + trace_a + trace_b - 2 * shared))


def warn_of_few(count, features, stacklevel):
    """Warns if the covariance of so many examples is singular."""
    if count <= features:
        warnings.warn(
            f"A Fréchet distance of {count:,} examples in {features:,} features is "
            "too large, by an amount that depends on their number: the covariance of "
            "no more examples than features is singular. Compare it only with figures "
            f"of the same numbers, and take {ENOUGH * features:,} examples or more.",
            stacklevel=stacklevel,
        )


def _root(features):
    """The root of the covariance, and the trace of the covariance."""
    covariance = np.atleast_2d(np.cov(features, rowvar=False))
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return root, np.trace(covariance)
