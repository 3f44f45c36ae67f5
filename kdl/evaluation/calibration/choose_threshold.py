"""The score from which on an example counts as positive."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import precision_recall_curve

from kdl.checks import check_number
from kdl.evaluation.probabilities import as_array, check_labels


class Threshold(NamedTuple):
    """A threshold of scores, and what it does on the data that it was chosen on.

    Attributes:
        value: Float. An example is positive if its score is at least that.
        precision: Float. Share of what is called positive that is so; 1 for nothing.
        recall: Float. Share of the positives that are called so.
        cost: Optional float. Mean cost of an example, where there are costs.
    """

    value: float
    precision: float
    recall: float
    cost: float | None = None


def choose_threshold(
    scores: ArrayLike,
    y: ArrayLike,
    precision: float | None = None,
    recall: float | None = None,
    costs: ArrayLike | None = None,
) -> Threshold:
    """Returns the score from which on examples are to count as positive.

    One of three decides.

    - `precision`: of the thresholds with at least this precision, that with the
      greatest recall;
    - `recall`: of those with at least this recall, that with the greatest precision;
    - `costs`: that with the least mean cost.

    Choose it on validation data, and test it on others: there, it keeps what it was
    chosen for only up to chance.

    Args:
        scores: Array of shape `(examples,)`, such as probabilities of the second class.
        y: Integer array of shape `(examples,)`, 1 for positive and 0 for negative.
        precision: Optional float in `(0, 1]`. Defaults to `None`.
        recall: Optional float in `(0, 1]`. Defaults to `None`.
        costs: Optional array of shape `(2, 2)`, finite numbers: the cost of an example
            by its class, a row each, and by what it is called. Defaults to `None`.

    Returns:
        Named tuple of `value`, `precision`, `recall` and `cost`. The value is one of
        the scores, or infinite if nothing is to be positive.

    Raises:
        ValueError: If an argument is not as described, if not just one of the three is
            given, if `y` has one class alone, or if no threshold has the precision.

    Example:

    >>> scores, y = np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])
    >>> chosen = kdl.evaluation.choose_threshold(scores, y, recall=1.0)
    >>> float(chosen.value), round(float(chosen.precision), 4)
    (0.35, 0.6667)

    References:
        - [Elkan, 2001](https://cseweb.ucsd.edu/~elkan/rescale.pdf), costs
    """
    allowed = "`scores` must be finite numbers of shape (examples,)."
    scores = as_array("scores", scores, 1, allowed)
    labels = check_labels("y", y, (len(scores), 2))
    if len(np.unique(labels)) < 2:
        raise ValueError(
            f"`y` must have both classes, 0 and 1. Received: nothing but {labels[0]}"
        )
    wanted = {"precision": precision, "recall": recall, "costs": costs}
    given = [name for name, value in wanted.items() if value is not None]
    if len(given) != 1:
        raise ValueError(
            "One of `precision`, `recall` and `costs` must be given. Received: "
            f"{' and '.join(given) or 'none'}"
        )
    precisions, recalls, values = precision_recall_curve(labels, scores)
    # The last one, at which nothing is positive, has no score.
    values = np.append(values, np.inf)
    if costs is not None:
        return _cheapest(scores, labels, costs, values, precisions, recalls)
    name = given[0]
    least = check_number(name, wanted[name], "(0, 1]")
    reached, other = (
        (precisions, recalls) if name == "precision" else (recalls, precisions)
    )
    # Nothing at all is no answer to a wanted precision.
    allowed = (reached >= least) & np.isfinite(values)
    if not allowed.any():
        best = float(reached[:-1].max())
        raise ValueError(
            f"`{name}` must be one that a threshold has, up to {best:.4g}. Received: "
            f"{name}={wanted[name]!r}"
        )
    # Of equals, the highest threshold, which is the last.
    places = np.flatnonzero(allowed)
    best = places[::-1][np.argmax(other[places[::-1]])]
    return Threshold(float(values[best]), float(precisions[best]), float(recalls[best]))


def _cheapest(scores, labels, costs, values, precisions, recalls):
    allowed = "`costs` must be finite numbers of shape (2, 2)."
    costs = as_array("costs", costs, 2, allowed)
    if costs.shape != (2, 2):
        raise ValueError(f"{allowed} Received: shape={costs.shape}")
    # How many of each class are below each threshold, and so called negative.
    found = np.zeros(len(values))
    for label in (0, 1):
        of_class = np.sort(scores[labels == label])
        below = np.searchsorted(of_class, values)
        found += costs[label, 0] * below + costs[label, 1] * (len(of_class) - below)
    best = int(np.argmin(found))
    return Threshold(
        float(values[best]),
        float(precisions[best]),
        float(recalls[best]),
        float(found[best] / len(labels)),
    )
