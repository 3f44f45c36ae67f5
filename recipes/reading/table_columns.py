"""Columns of a table, as a network takes them."""

import numpy as np

from kdl.data.columns import as_kind, is_missing, kind_of

_DAY = np.timedelta64(1, "D")
_YEAR = 365.2425  # Days.
DATE_PARTS = 4  # Numbers that a date is made of.


def describe_columns(x):
    """Returns what predictions need to know of the columns, as JSON.

    Args:
        x: Dict of arrays by name, as `kdl.data.table` returns them.

    Returns:
        List of dicts of `"name"` and `"kind"`, which is `"number"`, `"date"` or
        `"category"`. A category has `"values"` too: those that are there twice at
        least. The others teach what values are that training has not seen.
    """
    columns = []
    for name, column in x.items():
        entry = {"name": name, "kind": kind_of(column)}
        if entry["kind"] == "category":
            values, counts = np.unique(column, return_counts=True)
            entry["values"] = values[counts > 1].tolist()
        columns.append(entry)
    return columns


def read_table(raw, columns):
    """Returns a table as a dict of arrays, of the columns that are known.

    Args:
        raw: Dict of sequences by name, a data frame, or a list of dicts, one for each
            row.
        columns: As `describe_columns` returns them.

    Raises:
        ValueError: If a column is missing, or of another length or kind.
    """
    names = [column["name"] for column in columns]
    rows = raw if isinstance(raw, (list, tuple)) else [raw]
    for number, row in enumerate(rows, 1):
        lacking = [name for name in names if name not in row]
        if lacking:
            where = f"Row {number}" if rows is raw else "The table"
            raise ValueError(
                f"{where} must have the columns {', '.join(map(repr, names))}. "
                f"Missing: {', '.join(map(repr, lacking))}"
            )
    if rows is raw:
        raw = {name: [row[name] for row in rows] for name in names}
    x = {
        column["name"]: as_kind(
            raw[column["name"]], column["kind"], f"The column {column['name']!r}"
        )
        for column in columns
    }
    lengths = {name: len(column) for name, column in x.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"The columns must be of one length. Received: {lengths}")
    return x


def numbers_of(x, columns):
    """Returns the numbers of a table, among them those that a date is made of.

    A date is its year, with the part of it that has passed, the month, the day of the
    week from 0 for Monday, and the hour.

    Args:
        x: Dict of arrays by name.
        columns: As `describe_columns` returns them.

    Returns:
        Float32 array of shape `(rows, numbers)`, with NaN where a value is missing.
    """
    found = []
    for column in columns:
        values = x[column["name"]]
        match column["kind"]:
            case "number":
                found.append(values)
            case "date":
                found += _parts_of_dates(values)
    rows = len(next(iter(x.values())))
    return np.array(found, "float32").reshape(len(found), rows).T


def _parts_of_dates(dates):
    days = (dates - np.datetime64(0, "s")) / _DAY
    months = dates.astype("datetime64[M]").astype("int64") % 12 + 1
    # The first of January 1970 was a Thursday.
    weekdays = np.floor(days + 3) % 7
    parts = [1970 + days / _YEAR, months, weekdays, days % 1 * 24]
    return [np.where(is_missing(dates), np.nan, part) for part in parts]


def codes_of(x, columns):
    """Returns the categories of a table as integers, each of which is of one column.

    The first integer of a column stands for all values that it does not know.

    Args:
        x: Dict of arrays by name.
        columns: As `describe_columns` returns them.

    Returns:
        Int32 array of shape `(rows, categories)`, below `code_count(columns)`.
    """
    found, first = [], 0
    for column in columns:
        if column["kind"] == "category":
            codes = {text: first + n for n, text in enumerate(column["values"], 1)}
            found.append(
                [codes.get(text, first) for text in x[column["name"]].tolist()]
            )
            first += 1 + len(column["values"])
    rows = len(next(iter(x.values())))
    return np.array(found, "int32").reshape(len(found), rows).T


def unknown_codes(columns):
    """Returns the integer of each category that stands for what it does not know."""
    codes, first = [], 0
    for column in columns:
        if column["kind"] == "category":
            codes.append(first)
            first += 1 + len(column["values"])
    return np.array(codes, "int32")


def by_column(parts, columns):
    """Returns sums of what belongs to the inputs of a network, by column.

    Args:
        parts: Dict of arrays by name, of those that `numbers_of` and `codes_of` return,
            `"numbers"` and `"categories"`.
        columns: As `describe_columns` returns them.

    Returns:
        Dict of arrays of shape `(rows,)` by name of the column.
    """
    found, places = {}, {"numbers": 0, "categories": 0}
    for column in columns:
        kind = "categories" if column["kind"] == "category" else "numbers"
        start, count = places[kind], DATE_PARTS if column["kind"] == "date" else 1
        found[column["name"]] = parts[kind][:, start : start + count].sum(axis=1)
        places[kind] += count
    return found


def code_count(columns):
    """How many integers there are for the categories of all columns."""
    return sum(1 + len(c["values"]) for c in columns if c["kind"] == "category")
