"""What a classifier says of examples."""

import keras
import numpy as np
from scipy.special import softmax

from kdl.data import Splits
from kdl.data.on_disk import OnDisk
from kdl.losses import SparseCategoricalCrossentropy
from kdl.metrics import HardLabels


def class_rows(classes, logits):
    """Returns the class that each example most likely is, and all probabilities.

    Args:
        classes: List of strings. Names of the classes.
        logits: Array of shape `(examples, classes)`.

    Returns:
        List of dicts of `"class"`, a name, `"probability"`, its own, and the
        probability of each class by `"p(NAME)"`.
    """
    rows = []
    for row in softmax(np.asarray(logits, "float64"), axis=-1):
        best = int(np.argmax(row))
        each = {f"p({name})": float(p) for name, p in zip(classes, row, strict=True)}
        rows.append({"class": classes[best], "probability": float(row[best]), **each})
    return rows


def class_names(splits):
    """Returns the names of the classes of integer targets, by label."""
    if splits.classes is not None:
        return splits.classes
    # A class may be missing from one of the parts.
    return [str(n) for n in range(1 + max(int(np.max(y)) for _, y in splits))]


def class_scores(label_smoothing=0.0, are_shares=False):
    """Returns arguments of `model.compile` for logits of classes: loss and metrics.

    Args:
        label_smoothing: Float in `[0, 1)`. Share of the target that goes to all classes
            alike, in the loss. Defaults to `0.0`.
        are_shares: Boolean. Whether targets may be shares of the classes, too.
            Defaults to `False`.
    """
    metrics = [
        keras.metrics.SparseCategoricalAccuracy("accuracy"),
        keras.metrics.SparseCategoricalCrossentropy("crossentropy", from_logits=True),
    ]
    return {
        "loss": SparseCategoricalCrossentropy(True, label_smoothing=label_smoothing)
        if label_smoothing or are_shares
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "metrics": [*map(HardLabels, metrics)] if are_shares else metrics,
    }


def relabelled(splits, classes):
    """Returns splits whose labels are those of a model.

    Args:
        splits: `kdl.data.Splits` with names of classes. An example has one label, or
            says for each class whether it is of it.
        classes: List of strings. Names of the classes of the model, by label.

    Raises:
        ValueError: If a class is none of the model's.
    """
    unknown = [name for name in splits.classes if name not in classes]
    if unknown:
        raise ValueError(
            f"The data must have the classes of the model, "
            f"{', '.join(map(repr, classes))}. Received: {unknown[0]!r}"
        )
    labels = np.array([classes.index(name) for name in splits.classes], "int32")

    def relabel(y):
        if isinstance(y, OnDisk):
            return y.relabelled(labels)
        if np.asarray(y).dtype.kind in "iu":
            return labels[y]
        several = np.zeros((len(y), len(classes)), y.dtype)
        several[:, labels] = y
        return several

    parts = ((x, relabel(y)) for x, y in splits)
    return Splits(*parts, classes, splits.drawn)
