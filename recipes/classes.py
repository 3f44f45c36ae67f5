"""What a classifier says of examples."""

import numpy as np
from scipy.special import softmax


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
