"""Labels that are likely wrong."""

import numpy as np
from numpy.typing import ArrayLike

from kdl.evaluation.probabilities import check_labels, check_probabilities


def label_errors(labels: ArrayLike, probabilities: ArrayLike) -> np.ndarray:
    """Returns which labels are likely wrong, the likeliest first.

    It is confident learning: an example counts as of another class if its probability
    there is at least the mean probability of that class among the examples that are
    labelled so. How many such examples there are estimates how many labels are wrong,
    and of each pair of classes so many are returned, those whose probability of the
    other class is most above that of their label.

    The probabilities must come from a model that has not trained on the examples, as
    those of a test set, or of the folds of a cross-validation.

    Args:
        labels: Integer array of shape `(examples,)`.
        probabilities: Array of shape `(examples, classes)`, rows of sum 1.

    Returns:
        Integer array of the rows of the examples; it may be empty.

    Raises:
        ValueError: If the arrays do not have these shapes, if a label is no column, or
            if a row is no probabilities.

    Example:

    >>> probabilities = np.full((40, 2), 0.1)
    >>> probabilities[np.arange(40), np.arange(40) % 2] = 0.9
    >>> labels = np.arange(40) % 2
    >>> labels[3] = 0
    >>> kdl.evaluation.label_errors(labels, probabilities)
    array([3])

    References:
        - [Northcutt et al., 2021](https://arxiv.org/abs/1911.00068)
    """
    probabilities = check_probabilities("probabilities", probabilities)
    labels = check_labels("labels", labels, probabilities.shape)
    count, classes = probabilities.shape
    given = probabilities[np.arange(count), labels]
    thresholds = np.array(
        [
            given[labels == label].mean() if (labels == label).any() else np.inf
            for label in range(classes)
        ]
    )
    is_confident = probabilities >= thresholds
    suggested = np.where(is_confident, probabilities, -1).argmax(axis=1)
    counts = np.zeros((classes, classes))
    some = is_confident.any(axis=1)
    np.add.at(counts, (labels[some], suggested[some]), 1)
    # Each class as often as it is labelled.
    totals = counts.sum(axis=1, keepdims=True)
    sizes = np.bincount(labels, minlength=classes)[:, None]
    joint = counts / np.maximum(totals, 1) * sizes
    margins = probabilities - given[:, None]
    found = {}
    for label in range(classes):
        (rows,) = np.nonzero(labels == label)
        for other in range(classes):
            wanted = min(len(rows), round(joint[label, other]))
            if other == label or not wanted:
                continue
            best = rows[np.argsort(-margins[rows, other], kind="stable")[:wanted]]
            for row in best[margins[best, other] > 0]:
                found[row] = max(found.get(row, 0.0), margins[row, other])
    return np.array(sorted(found, key=lambda row: -found[row]), "int64")
