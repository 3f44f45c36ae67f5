"""Density and coverage of generated samples."""

import numpy as np
from numpy.typing import ArrayLike

from kdl.metrics.generated.arrays import check_alike
from kdl.metrics.generated.neighbours import check_neighbours, distances, radii


def density_coverage(
    real: ArrayLike, generated: ArrayLike, neighbours: int = 5
) -> tuple[float, float]:
    """Returns how densely samples lie among real examples, and how many they cover.

    Around each real example lies a ball that reaches to its `neighbours`-th nearest
    other real one. Density is the mean over generated samples of how many such balls
    they lie in, divided by `neighbours`; coverage the share of the balls with a
    generated sample in them.

    Balls are of real examples alone, so that samples far from all that is real count
    for nothing, as in `kdl.metrics.precision_recall` they may. Samples that are as the
    real ones have a density of about 1 and, if they are as many, a coverage of about
    `1 - 2^-neighbours`, which is 0.97 for 5. Fewer samples than real examples cover
    less.

    Args:
        real: Array of shape `(examples, features)`.
        generated: Array of shape `(samples, features)`.
        neighbours: Integer in `[1, examples)`. Defaults to `5`, as in the paper.

    Returns:
        Tuple of two floats, density, 0 or more, and coverage, in `[0, 1]`.

    Raises:
        ValueError: If an array has another number of axes, fewer than two examples or
            numbers that are not finite, if their features are not as many, or if
            `neighbours` is outside its interval.

    Example:

    >>> real = np.random.default_rng(0).normal(size=(200, 2))
    >>> density, coverage = kdl.metrics.density_coverage(real, 0.1 * real)
    >>> density > 1 > 0.3 > coverage
    True

    References:
        - [Naeem et al., 2020](https://arxiv.org/abs/2002.09797)
    """
    real, generated = check_alike(real=real, generated=generated)
    neighbours = check_neighbours(neighbours, real=len(real))
    reach = radii(real, neighbours)
    inside = 0
    is_covered = np.zeros(len(real), bool)
    for some, block in distances(real, generated):
        within = block <= reach[some, np.newaxis]
        inside += np.count_nonzero(within)
        is_covered[some] = within.any(1)
    density = float(inside / (neighbours * len(generated)))
    return density, float(is_covered.mean())
