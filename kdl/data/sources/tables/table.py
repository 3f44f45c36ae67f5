"""Tables, of which one column is to be predicted."""

from collections.abc import Sequence
from typing import Literal

from kdl.checks import check_choice, check_integer
from kdl.data.columns import as_kind, kind_of, values_of
from kdl.data.sources.tables.read_columns import read_columns
from kdl.data.sources.tables.targets import (
    check_columns,
    drawn_parts,
    find_target,
    target_classes,
    targets_of,
)
from kdl.data.splits import Splits
from kdl.typing import StrPath

_TASKS = ("classification", "regression")


def table(
    path: StrPath,
    target: str | None = None,
    drop: Sequence[str] = (),
    group: str | None = None,
    test: StrPath | None = None,
    task: Literal["classification", "regression"] | None = None,
    seed: int = 0,
) -> Splits:
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
    target = find_target(path, columns, target)
    check_columns(path, columns, [*drop, *([] if group is None else [group])])
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
    classes = target_classes(path, target, columns[target], task)
    y = targets_of(path, target, columns[target], classes)
    groups = None if group is None else columns[group]
    parts = drawn_parts(y, classes, groups, seed, with_test=test is None)
    taken = [({name: x[name][rows] for name in x}, y[rows]) for rows in parts]
    if test is not None:
        others = read_columns(test)
        check_columns(test, others, [*x, target])
        others = {
            name: as_kind(column, kind_of(columns[name]), f"{name!r} of {test}")
            for name, column in others.items()
            if name in x or name == target
        }
        y = targets_of(test, target, others.pop(target), classes)
        taken.append((others, y))
    return Splits(*taken, classes, drawn=test is None)


def table_to_test(
    path, classes, target=None, drop=(), group=None, test=None, task=None
):
    """Loads a table to test a model on that has learned from another one.

    Args:
        path: As of `table`, and so are the others.
        classes: List of strings, those of the model, or `None` where it predicts
            numbers.

    Returns:
        `kdl.data.Splits`, each part of which is all rows, or those of `test`.
    """
    path = path if test is None else test
    columns = read_columns(path)
    target = find_target(path, columns, target)
    y = columns.pop(target)
    if classes is None:
        y = as_kind(y, "number", f"The target {target!r} of {path}")
    left_out = (group, *drop)
    x = {name: column for name, column in columns.items() if name not in left_out}
    part = x, targets_of(path, target, y, classes)
    return Splits(part, part, part, classes)
