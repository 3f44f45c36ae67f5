"""What to collect next."""

import numpy as np

_GOOD = 0.9  # Accuracy from which on a model says something of labels.
_MANY = 0.02  # Of the examples.
_FALLS = 0.02  # Of a score, that a doubling of the data must make to be worth it.


def advice(findings, curve=None):
    """Yields what to collect or mend next, in sentences, the most pressing first.

    Args:
        findings: `Findings`.
        curve: Optional tuple of the sizes of the training set, the mean losses there,
            and the name of the loss.
    """
    count = len(findings.targets)
    # Of a weak model, most of what it takes for wrong labels are right.
    is_good = findings.names is not None and (~findings.is_wrong).mean() > _GOOD
    if is_good and len(findings.mislabelled) > _MANY * count:
        yield (
            f"Look at the labels first: {len(findings.mislabelled)} of {count} are "
            "likely wrong, and no model can be better than they are."
        )
    if findings.duplicates and len(findings.duplicates) > _MANY * count:
        yield (
            f"{len(findings.duplicates)} of {count} test examples are nearly in the "
            "training set, too: the figures are better than those of new examples."
        )
    if findings.names is not None:
        yield from _of_classes(findings)
    if findings.slices:
        worst = findings.slices[0]
        yield (
            f"Collect examples where {worst.rule}: {_error(findings, worst.error)} "
            f"there, {_error(findings, worst.rest)} elsewhere."
        )
    if curve is not None:
        yield from _of_curve(*curve)


def _error(findings, value):
    if findings.names is None:
        return f"the error is {value:.3g}"
    return f"{value:.0%} are wrong"


def _of_classes(findings):
    """The class that is found least, with what it is taken for."""
    rows = [row for row in findings.classes if row["found"] is not None]
    worst = min(rows, key=lambda row: row["found"][0])
    mean = float(np.mean(findings.predicted == findings.targets))
    share, _, high = worst["found"]
    label = findings.names.index(worst["class"])
    taken = findings.predicted[(findings.targets == label) & findings.is_wrong]
    if high >= mean or not len(taken):
        return
    most = findings.names[int(np.bincount(taken).argmax())]
    yield (
        f"Collect examples of {worst['class']}, above all such as look like {most}: "
        f"{share:.0%} of them are found, of all classes {mean:.0%}."
    )


def _of_curve(sizes, losses, name):
    """Whether more data help, from the last doubling."""
    last = (losses[-2] - losses[-1]) / abs(losses[-2]) if losses[-2] else 0.0
    growth = sizes[-1] / sizes[-2]
    if last > _FALLS:
        yield (
            f"More examples help: from {sizes[-2]} to {sizes[-1]}, {growth:.3g} times "
            f"as many, {name} fell by {last:.0%}."
        )
    else:
        yield (
            f"More of the same examples help little: from {sizes[-2]} to {sizes[-1]}, "
            f"{name} changed by {-last:+.0%}. A larger model, or other inputs, may."
        )
