"""Texts with their classes, from files."""

import json
from pathlib import Path

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
from kdl.data.sources.texts.folder import read_text_folder
from kdl.data.sources.texts.labels import (
    check_labels,
    label_classes,
    labels_of,
    split_labels,
)
from kdl.data.sources.texts.text_files import read_text
from kdl.data.splits import Splits
from kdl.typing import StrPath


def texts(
    path: StrPath,
    text: str | None = None,
    target: str | None = None,
    test: StrPath | None = None,
    separator: str | None = None,
    seed: int = 0,
) -> Splits:
    """Loads texts from files, each with its class, or with several.

    Without a file of its own, the test set is a random tenth, and so is the validation
    set. Where a text has one class, each part has the same shares of the classes. Empty
    texts are left out.

    Args:
        path: String or `pathlib.Path`. CSV, TSV or, where pyarrow is installed,
            Parquet, of which the first line has the names of the columns; a `.jsonl`,
            an object a line; or a folder with a folder of `.txt` for each class, maybe
            within `train`, `validation` and `test`. All are in UTF-8.
        text: Optional string. Name of the column of texts. Defaults to `None`, for the
            one that is called text, or the only one besides the target.
        target: Optional string. Name of the column of classes. Defaults to `None`, for
            the one that is called target, label or class, or such as labels.
        test: Optional path of another file with the same columns: the test set.
        separator: Optional string. What stands between the classes of a text that has
            several, such as `"|"`; one without any has an empty place there. In JSON,
            several are a list, without a separator. Defaults to `None`, for one class
            each, or lists.
        seed: Integer in `[0, 2**32)`. Draws the parts. Defaults to `0`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`: texts, an array of strings of shape
        `(texts,)`, and labels, int32 of shape `(texts,)`; where a text may have several
        classes, float32 of shape `(texts, classes)`, 1 for those that it has and 0 for
        the others.

    Raises:
        ValueError: If the file is no table, if a column is not there, or if there is
            a text without a class, a single class, more than 1,000, or one with fewer
            than three texts; or if columns of a folder are named.
        OSError: If a file cannot be read.

    Example:

    >>> def learn():  # From a file whose first line is `text,label`.
    ...     return kdl.data.texts("reviews.csv")
    """
    check_integer("seed", seed, "[0, 4294967296)")
    if Path(path).expanduser().is_dir():
        _check_folder(path, text=text, target=target, test=test, separator=separator)
        return read_text_folder(path, seed)
    x, column, target = _columns(path, text, target, separator)
    if isinstance(column, list):
        classes = label_classes(path, target, column)
        y = labels_of(path, target, column, classes)
        # Each text has a stratum of its own, as it were.
        rows = drawn_parts(y, None, None, seed, with_test=test is None)
    else:
        classes = target_classes(path, target, column, "classification")
        y = targets_of(path, target, column, classes)
        rows = drawn_parts(y, classes, None, seed, with_test=test is None)
    parts = [(x[some], y[some]) for some in rows]
    if test is not None:
        are_lists = isinstance(column, list)
        parts.append(_part(test, classes, text, target, separator, are_lists))
    return Splits(*parts, classes, drawn=test is None)


def texts_to_test(path, classes, text=None, target=None, test=None, separator=None):
    """Loads texts to test a model on that has learned from others.

    Args:
        path: As of `texts`, and so are the others.
        classes: List of strings, those of the model.

    Returns:
        `kdl.data.Splits`, each part of which is all texts, or those of `test`.
    """
    if Path(path).expanduser().is_dir():
        _check_folder(path, text=text, target=target, test=test, separator=separator)
        return read_text_folder(path, to_test=True)
    path = path if test is None else test
    part = _part(path, classes, text, target, separator)
    return Splits(part, part, part, classes)


def _check_folder(path, **options):
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                f"`{name}` has no meaning for {path}, which is a folder. Received: "
                f"{name}={value!r}"
            )


def _part(path, classes, text, target, separator, are_lists=None):
    """Texts and their labels, by the number of the class.

    Args:
        are_lists: Optional boolean. Whether there must be several labels to a text.
    """
    x, column, target = _columns(path, text, target, separator)
    if are_lists not in (None, isinstance(column, list)):
        column = [[name] if name else [] for name in column]
    read = labels_of if isinstance(column, list) else targets_of
    return x, read(path, target, column, classes)


def _columns(path, text, target, separator):
    """Texts, their classes, and the name of the column that these are from.

    The classes are an array of strings, or a list of lists of strings.
    """
    if Path(path).suffix.lower() == ".jsonl":
        columns = _read_lines(path)
    else:
        columns = read_columns(path, as_texts=True)
    target = find_target(path, columns, target, ("labels", "classes", "targets"))
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
    x = _texts_in(path, text, columns[text])
    there = np.flatnonzero(x != "")
    if not len(there):
        raise ValueError(f"{path} must have a text. Received: empty ones alone")
    y = [columns[target][row] for row in there]
    if separator is not None:
        check_labels(path, target, y)
        return x[there], [split_labels(value, separator) for value in y], target
    if any(isinstance(value, list) for value in y):
        lists = [value if isinstance(value, list) else [value] for value in y]
        return (
            x[there],
            [[str(name).strip() for name in some] for some in lists],
            target,
        )
    return x[there], np.array([str(value).strip() for value in y]), target


def _texts_in(path, name, column):
    for row, value in enumerate(column, 1):
        if not isinstance(value, str):
            raise ValueError(
                f"The column {name!r} of {path} must hold texts. Received: {value!r} "
                f"in row {row}"
            )
    return np.array([value.strip() for value in column])


def _read_lines(path):
    """Columns of a file of an object of JSON a line, lists by name."""
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise ValueError(
                f'{path} must have an object on each line, as in {{"text": "one", '
                f'"label": "a"}}. Received: line {number}, {line[:60]}'
            )
        rows.append(row)
    if not rows:
        raise ValueError(f"{path} must have a line at least")
    names = dict.fromkeys(name for row in rows for name in row)
    # Of what is missing, the text is empty and there is no label.
    return {name: [_value(row.get(name)) for row in rows] for name in names}


def _value(value):
    return "" if value is None else value
