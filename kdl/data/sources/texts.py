"""Texts of several classes, from files."""

import numpy as np

from kdl.checks import check_integer
from kdl.data.sources.tables.read_columns import read_columns
from kdl.data.sources.tables.targets import (
    check_columns,
    drawn_parts,
    find_target,
    target_classes,
    targets_of,
)
from kdl.data.splits import Splits


def texts(path, text=None, target=None, test=None, seed=0):
    """Loads texts from a file, each with its class.

    Without a file of its own, the test set is a random tenth, and so is the validation
    set. Each part has the same shares of the classes. Empty texts are left out.

    Args:
        path: String or `pathlib.Path`. CSV, TSV or, where pyarrow is installed,
            Parquet. The first line has the names of the columns.
        text: Optional string. Name of the column of texts. Defaults to `None`, for the
            one that is called text, or the only one besides the target.
        target: Optional string. Name of the column of classes. Defaults to `None`, for
            the one that is called target, label or class.
        test: Optional path of another file with the same columns: the test set.
        seed: Integer in `[0, 2**32)`. Draws the parts. Defaults to `0`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`: texts, an array of strings of shape
        `(texts,)`, and labels, int32 of shape `(texts,)`.

    Raises:
        ValueError: If the file is no table, if a column is not there, or if there is
            a text without a class, a single class, more than 1,000, or one with fewer
            than three texts.
        OSError: If the file cannot be read.

    Example:

    >>> def learn():  # From a file whose first line is `text,label`.
    ...     return kdl.data.texts("reviews.csv")
    """
    check_integer("seed", seed, "[0, 4294967296)")
    x, column, target = _columns(path, text, target)
    classes = target_classes(path, target, column, "classification")
    y = targets_of(path, target, column, classes)
    rows = drawn_parts(y, classes, None, seed, with_test=test is None)
    parts = [(x[some], y[some]) for some in rows]
    if test is not None:
        parts.append(_part(test, classes, text, target))
    return Splits(*parts, classes, drawn=test is None)


def texts_to_test(path, classes, text=None, target=None, test=None):
    """Loads texts to test a model on that has learned from others.

    Args:
        path: As of `texts`, and so are the others.
        classes: List of strings, those of the model.

    Returns:
        `kdl.data.Splits`, each part of which is all texts, or those of `test`.
    """
    path = path if test is None else test
    part = _part(path, classes, text, target)
    return Splits(part, part, part, classes)


def _part(path, classes, text, target):
    x, column, target = _columns(path, text, target)
    return x, targets_of(path, target, column, classes)


def _columns(path, text, target):
    """Texts, their classes, and the name of the column that these are from."""
    columns = read_columns(path, as_texts=True)
    target = find_target(path, columns, target)
    if text is None:
        others = [name for name in columns if name != target]
        named = [name for name in others if name.lower() == "text"]
        text = (named or others or [None])[0] if len(named or others) == 1 else None
        if text is None:
            raise ValueError(
                f"`text` must name the column of {path} that has the texts, one of "
                f"{', '.join(map(repr, others)) or 'none'}. Received: text=None"
            )
    check_columns(path, columns, [text])
    if text == target:
        raise ValueError(f"`text` must not be the target. Received: text={text!r}")
    there = np.flatnonzero(columns[text] != "")
    if not len(there):
        raise ValueError(f"{path} must have a text. Received: empty ones alone")
    return columns[text][there], columns[target][there], target
