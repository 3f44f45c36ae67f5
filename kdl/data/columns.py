"""Columns of a table."""

import numpy as np

# What stands for a missing value, in small letters.
_MISSING = {"", "na", "n/a", "nan", "null", "none", "#n/a", "?"}
_DATE = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?"


def as_column(values, name):
    """Returns the values of a column as an array of one of three types.

    Texts are dates where all are such of ISO 8601, and numbers where all are; codes
    that begin with a zero, such as 00123, stay texts.

    Args:
        values: Sequence of texts, numbers, dates or `None`.
        name: String. What it is, in messages.

    Returns:
        Array of shape `(rows,)` and of dtype float64, with NaN where a value is
        missing; datetime64, with NaT; or of strings, with the empty one.

    Raises:
        ValueError: If a number is infinite.
    """
    import pandas

    values = np.asarray(values)
    if values.dtype.kind == "M":
        return values.astype("datetime64[s]")
    if values.dtype.kind in "iuf":
        column = values.astype("float64")
    else:
        texts = _texts(values)
        known = texts[texts != ""]
        if len(known) and known.str.fullmatch(_DATE).all():
            dates = pandas.to_datetime(texts, errors="coerce", format="ISO8601")
            if dates[known.index].notna().all():
                return dates.to_numpy("datetime64[s]")
        column = pandas.to_numeric(texts, errors="coerce").to_numpy("float64")
        is_code = known.str.match(r"[+-]?0\d").any()
        if not len(known) or is_code or np.isnan(column[known.index]).any():
            return texts.to_numpy(str)
    if np.isinf(column).any():
        raise ValueError(
            f"{name} must hold finite numbers. Row {np.isinf(column).argmax() + 1} "
            "has another"
        )
    return column


def as_kind(values, kind, name):
    """Returns the values of a column as an array of a kind that is known.

    Args:
        values: As of `as_column`.
        kind: `"number"`, `"date"` or `"category"`.
        name: String. What it is, in messages.

    Raises:
        ValueError: If they are of another kind.
    """
    if kind == "category":
        return _texts(np.asarray(values)).to_numpy(str)
    column = as_column(values, name)
    if kind_of(column) != kind and is_missing(column).all():
        empty = {"number": np.nan, "date": np.datetime64("NaT", "s")}
        return np.full(len(column), empty[kind])
    if kind_of(column) != kind:
        wrong = next(text for text in _texts(np.asarray(values)) if text)
        raise ValueError(f"{name} must hold {kind}s. Received: {wrong}")
    return column


def _texts(values):
    """Returns values as texts, of which the missing ones are empty."""
    import pandas

    texts = pandas.Series(values).astype(str).str.strip()
    texts[pandas.isna(values) | texts.str.lower().isin(_MISSING)] = ""
    return texts


def kind_of(column):
    """Returns what a column holds: `"number"`, `"date"` or `"category"`."""
    return {"f": "number", "M": "date", "U": "category"}[column.dtype.kind]


def is_missing(column):
    """Where a column has no value, as a boolean array."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    return np.isnat(column) if column.dtype.kind == "M" else column == ""


def values_of(column):
    """Returns the different values of a column, but for missing ones, sorted."""
    return np.unique(column[~is_missing(column)])
