"""The column of a table that is to be predicted, and the parts that it is drawn to."""

import numpy as np

from kdl.data.columns import is_missing, kind_of
from kdl.data.splits import hold_out_each, split_in_three
from kdl.seeds import SPLITS, generator

_FEW = 20  # As many different integers are classes.
_MANY = 1000  # As many classes as there may be.
_LIKELY = ("target", "label", "class")


def find_target(path, columns, target, more=()):
    """Returns the name of the column to predict.

    Args:
        path: What an error calls the table.
        columns: Dict of columns by name.
        target: String, or `None` for the one that is called as such are.
        more: Sequence of strings. Further names of such a column. Defaults to none.
    """
    if target is None:
        likely = [name for name in columns if name.lower() in (*_LIKELY, *more)]
        if len(likely) == 1:
            return likely[0]
    if target not in columns:
        raise ValueError(
            f"`target` must name the column of {path} to predict, one of "
            f"{', '.join(map(repr, columns))}. Received: target={target!r}"
        )
    return target


def check_columns(path, columns, names):
    """Refuses names that are no columns of a table."""
    for name in names:
        if name not in columns:
            raise ValueError(
                f"{path} must have a column {name!r}. It has: "
                f"{', '.join(map(repr, columns))}"
            )


def target_classes(path, target, column, task):
    """Returns the names of the classes, or `None` where numbers are to be predicted."""
    values, counts = np.unique(column[~is_missing(column)], return_counts=True)
    is_number = kind_of(column) == "number"
    if task is None:
        few = is_number and len(values) <= _FEW and (values == values.round()).all()
        task = "classification" if few or not is_number else "regression"
    if task == "regression":
        if not is_number:
            raise ValueError(
                f"The target {target!r} of {path} must hold numbers for a regression. "
                f"Received: {values[0]!s}"
            )
        if len(values) < 2:
            raise ValueError(f"The target {target!r} of {path} must have two values")
        return None
    names = [_name(value) for value in values]
    if not 2 <= len(names) <= _MANY:
        raise ValueError(
            f"The target {target!r} of {path} must have from 2 to {_MANY} classes. "
            f"Received: {len(names)}"
        )
    if counts.min() < 3:
        raise ValueError(
            f"Each class of {target!r} in {path} must have three rows, one for each "
            f"part: add some, or leave it out. Received: {counts.min()} of "
            f"{names[counts.argmin()]!r}"
        )
    return names


def _name(value):
    """Name of a class, of which whole numbers have no decimals."""
    whole = isinstance(value, float) and value == round(value)
    return str(int(value)) if whole else str(value)


def targets_of(path, target, column, classes):
    """Returns labels, int32 of shape `(rows,)`, or numbers, float32 `(rows, 1)`.

    Args:
        path: What an error calls the table.
        target: String. Name of the column.
        column: Array of shape `(rows,)`.
        classes: List of strings, by label, or `None` where numbers are predicted.

    Raises:
        ValueError: If a value is missing, or none of the classes, or no number.
    """
    missing = is_missing(column)
    if missing.any():
        raise ValueError(
            f"The target {target!r} of {path} must have a value in each row: leave out "
            f"those without. Received: {missing.sum()} without, the first of them row "
            f"{missing.argmax() + 1}"
        )
    if classes is None:
        return column.astype("float32")[:, np.newaxis]
    numbers = {name: number for number, name in enumerate(classes)}
    names = [_name(value) for value in column]
    unknown = sorted({name for name in names if name not in numbers})
    if unknown:
        raise ValueError(
            f"The target {target!r} of {path} must be one of "
            f"{', '.join(map(repr, classes))}. Received: {unknown[0]!r}"
        )
    return np.array([numbers[name] for name in names], "int32")


def drawn_parts(y, classes, group, seed, with_test):
    """Rows of the training and the validation, and maybe of the test set."""
    if group is not None:
        _, groups = np.unique(group, return_inverse=True)
        if groups.max() < 2:
            raise ValueError(
                "`group` must name a column of three values at least, one for each "
                f"part. Received: one of {groups.max() + 1}"
            )
        rows = np.arange(len(y))
        splits = split_in_three(rows, y, groups, generator(seed, SPLITS))
        train, validation, test = (part for part, _ in splits)
        if with_test:
            return train, validation, test
        return np.concatenate([train, test]), validation
    labels = np.zeros(len(y)) if classes is None else y
    if len(y) < 3:
        raise ValueError(
            f"A table must have three rows, one for each part. Received: {len(y)}"
        )
    return hold_out_each(labels, 1 + with_test, seed)
