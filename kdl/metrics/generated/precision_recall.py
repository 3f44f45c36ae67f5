"""Precision and recall of generated samples."""

import numpy as np
from numpy.typing import ArrayLike

from kdl.metrics.generated.arrays import check_alike
from kdl.metrics.generated.neighbours import check_neighbours, distances, radii


def precision_recall(
    real: ArrayLike, generated: ArrayLike, neighbours: int = 5
) -> tuple[float, float]:
    """Returns how many samples look real, and how much of what is real they show.

    Around each example of a set lies a ball that reaches to its `neighbours`-th nearest
    other example. Precision is the share of the generated samples that lie in a ball of
    a real example; recall that of the real examples in a ball of a generated sample.

    One real example far from the others has a large ball, which raises precision; a few
    generated ones far from the rest raise recall. `kdl.metrics.density_coverage`
    depends less on such.

    Args:
        real: Array of shape `(examples, features)`.
        generated: Array of shape `(samples, features)`.
        neighbours: Integer in `[1, examples)` and in `[1, samples)`. The paper takes 3
            of 50,000. Defaults to `5`.

    Returns:
        Tuple of two floats in `[0, 1]`, precision and recall.

    Raises:
        ValueError: If an array has another number of axes, fewer than two examples or
            numbers that are not finite, if their features are not as many, or if
            `neighbours` is outside its intervals.

    Example:

    >>> real = np.random.default_rng(0).normal(size=(200, 2))
    >>> precision, recall = kdl.metrics.precision_recall(real, 0.1 * real)
    >>> precision > 0.9 > 0.3 > recall
    True

    References:
        - [Kynkäänniemi et al., 2019](https://arxiv.org/abs/1904.06991)
    """
    real, generated = check_alike(real=real, generated=generated)
    counts = {"real": len(real), "generated": len(generated)}
    neighbours = check_neighbours(neighbours, **counts)
    reach, reach_of_generated = (radii(x, neighbours) for x in (real, generated))
    is_real = np.zeros(len(generated), bool)
    is_shown = np.zeros(len(real), bool)
    for some, block in distances(real, generated):
        is_real |= (block <= reach[some, np.newaxis]).any(0)
        is_shown[some] = (block <= reach_of_generated).any(1)
    return float(is_real.mean()), float(is_shown.mean())
