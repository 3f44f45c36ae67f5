"""Attributions of many examples, by class and place."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

PLACES = (
    *("top left", "top", "top right"),
    *("left", "middle", "right"),
    *("bottom left", "bottom", "bottom right"),
)
# From so many standard errors on, a difference among a hundred is hardly by chance.
_SURE = 5
_RATIO = 10  # Times the share in other classes.
_FIELDS = 8  # Of rows, and of columns, at most.
# What is added to shares in a logarithm, as a share of that of a field where all count
# alike.
_LEAST = 0.1


class ByPlace(NamedTuple):
    """What `by_place` returns."""

    shares: np.ndarray
    rows: list[dict[str, Any]]
    suspects: list[dict[str, Any]]
    inside: np.ndarray | None
    covered: np.ndarray | None


def by_place(
    attributions: ArrayLike,
    labels: ArrayLike,
    classes: Sequence[str] | None = None,
    masks: ArrayLike | None = None,
) -> ByPlace:
    """Returns where the attributions of each class lie: a way to find shortcuts.

    A model may tell a class by a mark in a corner, or by what is around its objects,
    and be right on every test set that has the same marks. You can see that in the
    attributions of one image. In those of a whole test set it can be counted: in one
    class, a place matters far more than in the others.

    Each image is divided into fields, eight by eight, or its pixels where there are
    fewer. An example counts by the share of its attributions that is in a field, by
    their sizes. Fields are ranked by what they add to the Kullback-Leibler divergence
    of the shares of a class from those of the others, `share * log(share / others)`.

    Attributions that add up, such as those of
    `kdl.attribution.integrated_gradients`, find most: a gradient is as large where
    there might be a mark as where there is one.

    Args:
        attributions: Array of shape `(examples, height, width)` or `(examples, height,
            width, channels)`, of images in which places mean the same.
        labels: Integer array of shape `(examples,)`: classes, or those predicted.
        classes: Optional list of strings. Names of the classes. Defaults to `None`,
            their numbers.
        masks: Optional array of shape `(examples, height, width)`: where the object is,
            not 0. Defaults to `None`.

    Returns:
        Tuple of five. `shares`: array of shape `(classes, rows, columns)`, mean shares
        of the fields; of a class without examples, NaN. `rows`: list of dicts, one for
        each class and field, the largest divergence first: `"class"`; `"place"`, such
        as `"top left"` or `"middle"`, one of nine; `"field"`, its row and column;
        `"share"`; `"others"`, the share in examples of other classes; `"difference"`
        and its `"standard_error"`; and the `"divergence"`. `suspects`: those rows whose
        difference is more than five standard errors, and whose share is more than ten
        times that of the others, and twice that of a field of an image where all count
        alike. Not each of them is a shortcut: a 1 begins where others have nothing.
        Look at the first. `inside`: array of shape `(classes,)`, the mean share of
        attributions on the object, and `covered`, the share of the image that the
        object covers, which attributions at random would have; `None` without masks.

    Raises:
        ValueError: If shapes do not fit, images are smaller than 3 by 3, or labels are
            no integers in `[0, classes)`.

    Example:

    >>> attributions, _ = kdl.attribution.integrated_gradients(model, x, y)
    >>> found = kdl.attribution.by_place(attributions, y)
    >>> found.shares.shape
    (10, 8, 8)
    >>> first = found.rows[0]["class"], found.rows[0]["place"]

    References:
        - [Lapuschkin et al., 2019](https://arxiv.org/abs/1902.10178), shortcuts
          ("Clever Hans") found by attributions of whole data sets
    """
    sizes = _sizes(attributions)
    labels, classes = _labels(labels, len(sizes), classes)
    counts = [min(_FIELDS, side) for side in sizes.shape[1:]]
    fields = sizes
    for axis, (side, count) in enumerate(zip(sizes.shape[1:], counts, strict=True), 1):
        starts = np.linspace(0, side, count + 1).round().astype(int)[:-1]
        fields = np.add.reduceat(fields, starts, axis=axis)
    total = sizes.sum(axis=(1, 2))
    # Examples without any attribution say nothing.
    known = total > 0
    shares = fields.reshape(len(fields), -1)[known] / total[known, None]
    labels_known = labels[known]
    means = _means(shares, labels_known, len(classes))
    found = sorted(
        _rows(shares, labels_known, classes, counts), key=lambda row: -row["divergence"]
    )
    suspects = [
        row
        for row in found
        if row["difference"] > _SURE * row["standard_error"]
        and row["share"] > max(_RATIO * row["others"], 2 / shares.shape[1])
    ]
    inside = covered = None
    if masks is not None:
        masks = np.asarray(masks) != 0
        if masks.shape != sizes.shape:
            raise ValueError(
                f"`masks` must have the shape of the attributions, {sizes.shape}. "
                f"Received: shape={masks.shape}"
            )
        on_object = (sizes * masks).sum(axis=(1, 2))[known] / total[known]
        inside = _means(on_object[:, None], labels_known, len(classes))[:, 0]
        covered = masks.mean(axis=(1, 2))[:, None]
        covered = _means(covered, labels, len(classes))[:, 0]
    return ByPlace(means.reshape(-1, *counts), found, suspects, inside, covered)


def _sizes(attributions):
    sizes = np.abs(np.asarray(attributions, "float64"))
    if sizes.ndim == 4:
        sizes = sizes.sum(axis=-1)
    if sizes.ndim != 3 or min(sizes.shape[1:]) < 3:
        raise ValueError(
            "`attributions` must be of images of 3 by 3 or more, of shape (examples, "
            "height, width) or (examples, height, width, channels). Received: "
            f"shape={np.shape(attributions)}"
        )
    return sizes


def _labels(labels, count, classes):
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise ValueError(
            f"`labels` must be {count} integers, one for each example. Received: "
            f"dtype={labels.dtype}, shape={labels.shape}"
        )
    most = 1 + int(labels.max(initial=0))
    classes = list(map(str, range(most))) if classes is None else list(classes)
    if labels.min(initial=0) < 0 or most > len(classes):
        raise ValueError(
            f"`labels` must be in [0, {len(classes)}), as there are classes. Received: "
            f"labels from {labels.min()} to {labels.max()}"
        )
    return labels, classes


def _means(values, labels, count):
    """Means of the rows of each class; of one without rows, NaN."""
    means = np.full((count, values.shape[1]), np.nan)
    for label in np.unique(labels):
        means[label] = values[labels == label].mean(axis=0)
    return means


def _rows(shares, labels, classes, counts):
    """Yields how the share of each field in each class differs from that in others."""
    for label, name in enumerate(classes):
        own, others = shares[labels == label], shares[labels != label]
        if min(len(own), len(others)) < 2:
            continue
        errors = [part.var(axis=0, ddof=1) / len(part) for part in (own, others)]
        means = own.mean(axis=0), others.mean(axis=0), np.sqrt(sum(errors))
        for n, (share, other, error) in enumerate(zip(*means, strict=True)):
            field = divmod(n, counts[1])
            row, column = (
                3 * f // count for f, count in zip(field, counts, strict=True)
            )
            least = _LEAST / len(own[0])
            yield {
                "class": name,
                "place": PLACES[3 * row + column],
                "field": list(field),
                "share": float(share),
                "others": float(other),
                "difference": float(share - other),
                "standard_error": float(error),
                "divergence": float(share * np.log((share + least) / (other + least))),
            }
