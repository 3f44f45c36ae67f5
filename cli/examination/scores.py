"""Metrics of predictions, each with an interval."""

import numpy as np
from scipy.stats import binomtest, rankdata

from kdl.evaluation import bootstrap_interval

# Samples of a metric whose cost grows with the classes.
_FEW = 200


def class_metrics(labels, probabilities):
    """Returns metrics of a classifier, a list of dicts of `metric` and its interval.

    Args:
        labels: Integer array of shape `(examples,)`.
        probabilities: Array of shape `(examples, classes)`.
    """
    predicted, count = probabilities.argmax(axis=1), probabilities.shape[1]
    right = (predicted == labels).astype("float64")
    losses = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-7))

    def of_matrix(measure):
        def metric(labels, predicted):
            pairs = labels * count + predicted
            counts = np.bincount(pairs, minlength=count**2).reshape(count, count)
            return measure(counts)

        return metric

    return [
        _row("accuracy", np.mean, right),
        _row("balanced accuracy", of_matrix(_balanced), labels, predicted),
        _row("F1, mean over classes", of_matrix(_f1), labels, predicted),
        _row("cross-entropy", np.mean, losses),
        _row("area under ROC curves", area, labels, probabilities, resamples=_FEW),
    ]


def number_metrics(targets, predicted):
    """Returns metrics of predicted numbers, as `class_metrics` those of classes."""

    def r2(targets, predicted):
        if np.ptp(targets) == 0:
            return np.nan
        return 1 - np.mean((predicted - targets) ** 2) / targets.var()

    def rmse(targets, predicted):
        return np.sqrt(np.mean((predicted - targets) ** 2))

    return [
        _row("root mean squared error", rmse, targets, predicted),
        _row("mean absolute error", np.mean, np.abs(predicted - targets)),
        _row("R²", r2, targets, predicted),
        _row("mean error", np.mean, predicted - targets),
    ]


def area(labels, probabilities):
    """Returns the mean area under the ROC curves of each class against the others.

    Args:
        labels: Integer array of shape `(examples,)`.
        probabilities: Array of shape `(examples, classes)`.
    """
    areas = []
    for label in range(probabilities.shape[1]):
        is_it = labels == label
        count = int(is_it.sum())
        others = len(labels) - count
        if count and others:
            ranks = rankdata(probabilities[:, label])[is_it].sum()
            areas.append((ranks - count * (count + 1) / 2) / (count * others))
    return float(np.mean(areas)) if areas else np.nan


def _balanced(counts):
    sizes = counts.sum(axis=1)
    return float(np.mean(np.diag(counts)[sizes > 0] / sizes[sizes > 0]))


def _f1(counts):
    both = counts.sum(axis=0) + counts.sum(axis=1)
    return float(np.mean(2 * np.diag(counts)[both > 0] / both[both > 0]))


def _row(name, metric, *arrays, **options):
    value, low, high = bootstrap_interval(metric, *arrays, **options)
    return {"metric": name, "value": value, "low": low, "high": high}


def class_rows(labels, probabilities, names):
    """Returns how each class is found, a list of dicts.

    Args:
        labels: Integer array of shape `(examples,)`.
        probabilities: Array of shape `(examples, classes)`.
        names: List of strings, one for each class.
    """
    predicted = probabilities.argmax(axis=1)
    rows = []
    for label, name in enumerate(names):
        is_it, found = labels == label, predicted == label
        hits = int((is_it & found).sum())
        both = is_it.sum() + found.sum()
        rows.append(
            {
                "class": name,
                "examples": int(is_it.sum()),
                "found": _share(hits, int(is_it.sum())),
                "right where predicted": _share(hits, int(found.sum())),
                "F1": float(2 * hits / both) if both else None,
            }
        )
    return rows


def _share(hits, count):
    """A share and its interval by Wilson's formula, or `None`."""
    if not count:
        return None
    ends = binomtest(hits, count).proportion_ci(method="wilson")
    return hits / count, float(ends.low), float(ends.high)
