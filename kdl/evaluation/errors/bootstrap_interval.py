"""Intervals for metrics by bootstrap."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from kdl.checks import check_integer, check_number
from kdl.seeds import BOOTSTRAP, generator


def bootstrap_interval(
    metric: Callable[..., float],
    *arrays: ArrayLike,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Returns a metric, and an interval for it over samples of the examples.

    The examples are drawn anew with replacement, as many as there are, and the metric
    is computed for each sample. The interval reaches from one quantile to the other of
    what it comes to. It says how much the metric owes to the examples that happened to
    be tested, not to those that were trained on.

    Args:
        metric: Function of arrays that returns a float. A sample for which it raises a
            `ValueError`, such as one without a class, or returns NaN is left out.
        *arrays: Arrays of as many rows, such as targets and predictions.
        resamples: Integer in `[100, inf)`. Number of samples. Defaults to `1000`.
        confidence: Float in `(0, 1)`. Defaults to `0.95`.
        seed: Integer in `[0, 2**32)`. Draws the samples. Defaults to `0`.

    Returns:
        Tuple of the metric of all examples, and the ends of the interval; these are
        NaN if no sample has the metric.

    Raises:
        ValueError: If the arrays are empty or have other numbers of rows, or if an
            argument is outside its interval.

    Example:

    >>> labels, predicted = np.arange(100) % 2, np.zeros(100)
    >>> accuracy = lambda labels, predicted: np.mean(labels == predicted)
    >>> value, low, high = kdl.evaluation.bootstrap_interval(
    ...     accuracy, labels, predicted
    ... )
    >>> float(value)
    0.5

    References:
        - Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3
    """
    check_integer("resamples", resamples, "[100, inf)")
    check_number("confidence", confidence, "(0, 1)")
    arrays = [np.asarray(array) for array in arrays]
    counts = {len(array) for array in arrays}
    if len(counts) != 1 or not min(counts):
        raise ValueError(
            "The arrays must have as many rows, one or more. Received: "
            f"{', '.join(str(len(array)) for array in arrays) or 'no array'}"
        )
    (count,) = counts
    rng, found = generator(seed, BOOTSTRAP), []
    for _ in range(resamples):
        rows = rng.integers(count, size=count)
        try:
            found.append(metric(*(array[rows] for array in arrays)))
        except ValueError:
            continue
    found = np.array(found, "float64")
    found = found[~np.isnan(found)]
    ends = (1 - confidence) / 2, (1 + confidence) / 2
    low, high = np.quantile(found, ends) if found.size else (np.nan, np.nan)
    return float(metric(*arrays)), float(low), float(high)
