"""Intervals for means over folds."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from kdl.checks import check_integer, check_number


def resampled_interval(
    scores: ArrayLike, train: int, test: int, confidence: float = 0.95
) -> tuple[float, float | None, float | None]:
    """Returns the mean of scores over folds, and an interval for it.

    The training sets of two folds share most of their examples, so that their scores
    are alike, and the usual interval of Student's t is too narrow. This one takes
    `(1 / folds + test / train) * variance` for the variance of the mean, of which
    Student's has the first part alone.

    Args:
        scores: Sequence of floats, one a fold.
        train: Integer in `[1, inf)`. Number of training examples of a fold.
        test: Integer in `[1, inf)`. Number of test examples of a fold.
        confidence: Float in `(0, 1)`. How often such an interval holds the expected
            score. Defaults to `0.95`.

    Returns:
        Tuple of mean, lower and upper end. The ends are `None` for one score.

    Raises:
        ValueError: If there is no score, or if an argument is outside its interval.

    Example:

    >>> kdl.evaluation.resampled_interval([0.9, 0.9, 0.9], train=100, test=50)
    (0.9, 0.9, 0.9)

    References:
        - [Nadeau and Bengio, 2003](https://doi.org/10.1023/A:1024068626366)
    """
    scores = np.asarray(scores, "float64")
    if scores.ndim != 1 or not scores.size:
        raise ValueError(
            "`scores` must be a sequence of numbers, one or more. Received: shape "
            f"{scores.shape}"
        )
    check_integer("train", train, "[1, inf)")
    check_integer("test", test, "[1, inf)")
    check_number("confidence", confidence, "(0, 1)")
    mean = float(scores.mean())
    if len(scores) == 1:
        return mean, None, None
    error = np.sqrt((1 / len(scores) + test / train) * scores.var(ddof=1))
    half = float(stats.t.ppf((1 + confidence) / 2, len(scores) - 1) * error)
    return mean, mean - half, mean + half
