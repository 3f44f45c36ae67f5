"""Several labels of one text."""

import collections

import numpy as np

_MANY = 1000  # As many classes as there may be.


def split_labels(value, separator):
    """Returns the labels in a text, a list of strings."""
    return [part.strip() for part in value.split(separator) if part.strip()]


def check_labels(path, target, column):
    """Refuses labels that no separator can split."""
    for value in column:
        if not isinstance(value, str):
            raise ValueError(
                f"The target {target!r} of {path} must hold texts, to be split by a "
                f"separator. Received: {value!r}"
            )


def label_classes(path, target, column):
    """Returns the names of the classes, sorted.

    Args:
        path: What an error calls the file.
        target: String. Name of the column.
        column: List of lists of strings.

    Raises:
        ValueError: If there are fewer than two classes, more than 1,000, or one with
            fewer than three texts.
    """
    counts = collections.Counter(name for names in column for name in set(names))
    if not 2 <= len(counts) <= _MANY:
        raise ValueError(
            f"The target {target!r} of {path} must have from 2 to {_MANY} classes. "
            f"Received: {len(counts)}"
        )
    least = min(counts, key=lambda name: (counts[name], name))
    if counts[least] < 3:
        raise ValueError(
            f"Each class of {target!r} in {path} must have three rows, one for each "
            f"part: add some, or leave it out. Received: {counts[least]} of {least!r}"
        )
    return sorted(counts)


def labels_of(path, target, column, classes):
    """Returns which of the classes each text has, float32 `(texts, classes)`.

    Raises:
        ValueError: If a label is none of the classes.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    unknown = sorted({name for names in column for name in names} - numbers.keys())
    if unknown:
        raise ValueError(
            f"The target {target!r} of {path} must be one of "
            f"{', '.join(map(repr, classes))}. Received: {unknown[0]!r}"
        )
    y = np.zeros((len(column), len(classes)), "float32")
    for row, names in zip(y, column, strict=True):
        row[[numbers[name] for name in names]] = 1
    return y
