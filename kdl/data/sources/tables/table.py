"""Tables, of which one column is to be predicted."""

import numpy as np

from kdl.checks import check_choice, check_integer
from kdl.data.columns import as_kind, is_missing, kind_of, values_of
from kdl.data.sources.tables.read_columns import read_columns
from kdl.data.splits import Splits, hold_out_each, split_in_three
from kdl.seeds import SPLITS, generator

_TASKS = ("classification", "regression")
_FEW = 20  # As many different integers are classes.
_MANY = 1000  # As many classes as there may be.
_LIKELY = ("target", "label", "class")


def table(path, target=None, drop=(), group=None, test=None, task=None, seed=0):
    """Loads a table from a file, to predict one of its columns.

    Without a file of its own, the test set is a random tenth, and so is the validation
    set. Each part has the same shares of the classes.

    Args:
        path: String or `pathlib.Path`. CSV, TSV or, where pyarrow is installed,
            Parquet. The first line has the names of the columns. A column is of dates
            where all values are such of ISO 8601, of numbers where all are, and of
            categories otherwise.
        target: Optional string. Name of the column to predict. Defaults to `None`, for
            the one that is called target, label or class.
        drop: Sequence of strings. Names of columns to leave out. Defaults to `()`.
        group: Optional string. Name of a column whose rows of one value stay in one
            part, such as the patients of several visits. It is not learned from.
        test: Optional path of another file with the same columns: the test set.
        task: `"classification"`, `"regression"` or `None`. Defaults to `None`: texts,
            and at most 20 different integers, are classes.
        seed: Integer in `[0, 2**32)`. Draws the parts. Defaults to `0`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`: a dict of arrays of shape `(rows,)` by
        name of the column, as float64 with NaN where a value is missing, datetime64
        with NaT, or strings, of which the empty one is missing; and classes, int32
        of shape `(rows,)`, or numbers, float32 of shape `(rows, 1)`. Columns of one
        value alone are left out.

    Raises:
        ValueError: If the file is no table, if a column is not there, or if the target
            has missing values, a single class, more than 1,000, or one with fewer than
            three rows.
        OSError: If the file cannot be read.

    Example:

    >>> x, y = kdl.data.load("penguins").train
    >>> sorted(x)[:2]
    ['bill_depth_mm', 'bill_length_mm']
    """
    check_integer("seed", seed, "[0, 4294967296)")
    if task is not None:
        check_choice("task", task, _TASKS)
    columns = read_columns(path)
    target = _target(path, columns, target)
    _check_columns(path, columns, [*drop, *([] if group is None else [group])])
    if target == group or target in drop:
        raise ValueError(f"`target` must not be left out. Received: target={target!r}")
    x = {
        name: column
        for name, column in columns.items()
        if name not in (target, group, *drop) and len(values_of(column)) > 1
    }
    if not x:
        raise ValueError(
            f"{path} must have a column of two values at least to learn from, besides "
            f"{target!r}"
        )
    classes = _classes(path, target, columns[target], task)
    y = _targets(path, target, columns[target], classes)
    parts = _parts(y, classes, group and columns[group], seed, with_test=test is None)
    taken = [({name: x[name][rows] for name in x}, y[rows]) for rows in parts]
    if test is not None:
        others = read_columns(test)
        _check_columns(test, others, [*x, target])
        others = {
            name: as_kind(column, kind_of(columns[name]), f"{name!r} of {test}")
            for name, column in others.items()
            if name in x or name == target
        }
        y = _targets(test, target, others.pop(target), classes)
        taken.append((others, y))
    return Splits(*taken, classes, drawn=test is None)


def _target(path, columns, target):
    """Returns the name of the column to predict."""
    if target is None:
        likely = [name for name in columns if name.lower() in _LIKELY]
        if len(likely) == 1:
            return likely[0]
    if target not in columns:
        raise ValueError(
            f"`target` must name the column of {path} to predict, one of "
            f"{', '.join(map(repr, columns))}. Received: target={target!r}"
        )
    return target


def _check_columns(path, columns, names):
    for name in names:
        if name not in columns:
            raise ValueError(
                f"{path} must have a column {name!r}. It has: "
                f"{', '.join(map(repr, columns))}"
            )


def _classes(path, target, column, task):
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


def _targets(path, target, column, classes):
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


def _parts(y, classes, group, seed, with_test):
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
