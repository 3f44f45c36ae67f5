"""Bins of how sure a classifier is."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kdl.checks import check_choice, check_integer
from kdl.evaluation.probabilities import check_labels, check_probabilities


class Reliability(NamedTuple):
    """How sure a classifier is, and how often it is right, by bins of the former.

    Bins without examples are left out.

    Attributes:
        confidence: Float array. Mean probability of the predicted class in each bin.
        accuracy: Float array. Share of the examples of each bin that are right.
        counts: Integer array. Examples of each bin.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    counts: np.ndarray


def reliability(
    probabilities: ArrayLike,
    y: ArrayLike,
    bins: int = 15,
    strategy: Literal["width", "mass"] = "width",
) -> Reliability:
    """Returns how often a classifier is right, by how sure it is.

    Where a calibrated one says 80 %, it is right for 80 % of the examples. This is
    `sklearn.calibration.calibration_curve` of the predicted class, with the number of
    examples of each bin.

    Args:
        probabilities: Array of shape `(examples, classes)`.
        y: Integer array of shape `(examples,)`, their classes.
        bins: Integer in `[1, inf)`. Number of bins. Defaults to `15`.
        strategy: `"width"` for bins of the same width in `[0, 1]`, or `"mass"` for bins
            of as many examples, as far as equal probabilities allow. Of a classifier
            that is mostly sure, the former leaves few examples to most bins. Defaults
            to `"width"`.

    Returns:
        Named tuple of float arrays `confidence` and `accuracy` and an integer array
        `counts`, a number for each bin that is not empty.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    >>> kdl.evaluation.reliability(probabilities, [0, 1, 1], bins=1).accuracy
    array([0.66666667])

    References:
        - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 2
    """
    bins = check_integer("bins", bins, "[1, inf)")
    check_choice("strategy", strategy, ("width", "mass"))
    probabilities = check_probabilities("probabilities", probabilities)
    labels = check_labels("y", y, probabilities.shape)
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    places = np.linspace(0, 1, bins + 1)[1:-1]
    # In per cent, as scikit-learn has it, which rounds in its own way.
    edges = places if strategy == "width" else np.percentile(sure, 100 * places)
    # A number on an edge belongs below.
    bin_of = np.searchsorted(edges, sure)
    counts = np.bincount(bin_of, minlength=bins)
    sums = [np.bincount(bin_of, part, minlength=bins) for part in (sure, right)]
    full = counts > 0
    confidence, accuracy = (part[full] / counts[full] for part in sums)
    return Reliability(confidence, accuracy, counts[full])


def expected_calibration_error(
    probabilities: ArrayLike,
    y: ArrayLike,
    bins: int = 15,
    strategy: Literal["width", "mass"] = "width",
) -> float:
    """Returns how far a classifier is from being as often right as it is sure.

    With `n_b` of `n` examples in bin `b`, it is

        sum_b n_b / n |accuracy_b - confidence_b|

    It depends on the bins, so that figures of different ones cannot be compared, and is
    above 0 for a calibrated classifier, too, by about one over the square root of the
    number of examples of a bin. For a metric of `model.compile` there is
    `kdl.metrics.ExpectedCalibrationError`.

    Args:
        probabilities: Array of shape `(examples, classes)`.
        y: Integer array of shape `(examples,)`, their classes.
        bins: Integer in `[1, inf)`. Number of bins. Defaults to `15`.
        strategy: `"width"` or `"mass"`, as of `kdl.evaluation.reliability`. Defaults
            to `"width"`.

    Returns:
        Float in `[0, 1]`.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> sure = np.where(np.eye(10)[y], 0.91, 0.01)
    >>> round(kdl.evaluation.expected_calibration_error(sure, y), 4)
    0.09

    References:
        - [Naeini, Cooper and Hauskrecht, 2015](https://doi.org/10.1609/aaai.v29i1.9602)
        - [Nixon et al., 2019](https://arxiv.org/abs/1904.01685), bins of equal mass
    """
    found = reliability(probabilities, y, bins, strategy)
    gaps = np.abs(found.accuracy - found.confidence)
    return float(found.counts @ gaps / found.counts.sum())
