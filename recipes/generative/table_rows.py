"""Tables, as rows of numbers."""

import numpy as np

from kdl.data import moments
from kdl.recipes.reading import table_columns


def describe_table(x):
    """Returns what is needed to make rows of numbers of a table, as JSON.

    Args:
        x: Dict of arrays by name, as `kdl.data.table` returns them.

    Returns:
        Dict of `"columns"`, as `describe_columns` returns them, and of lists, one value
        for each number of a row: `"means"`, `"deviations"`, and `"missing"`, whether
        some rows lack it.
    """
    columns = table_columns.describe_columns(x)
    numbers = table_columns.numbers_of(x, columns)
    means, variances = moments(numbers)
    return {
        "columns": columns,
        "means": means.tolist(),
        "deviations": np.sqrt(variances).tolist(),
        "missing": np.isnan(numbers).any(axis=0).tolist(),
    }


def rows_of(raw, table):
    """Returns a table as rows of numbers.

    Numbers are standardized, and 0, their mean, where they are missing; one that was
    missing in training has another number, 1 where it is. A category has a number for
    each of its values, which is 1, and one for those that training has not seen.

    Args:
        raw: As of `read_table`.
        table: As `describe_table` returns it.

    Returns:
        Float32 array of shape `(rows, len(names_of(table)))`.
    """
    columns = table["columns"]
    x = table_columns.read_table(raw, columns)
    numbers = table_columns.numbers_of(x, columns)
    scaled = (numbers - table["means"]) / table["deviations"]
    missing = np.isnan(numbers)[:, np.array(table["missing"], bool)]
    codes = table_columns.codes_of(x, columns)
    is_value = np.zeros((len(codes), table_columns.code_count(columns)))
    np.put_along_axis(is_value, codes, 1, axis=1)
    return np.hstack([np.nan_to_num(scaled), missing, is_value]).astype("float32")


def names_of(table):
    """Returns the name of the column that each number of a row is of, a list."""
    numbers, values = [], []
    for column in table["columns"]:
        match column["kind"]:
            case "category":
                values += [column["name"]] * (1 + len(column["values"]))
            case kind:
                count = table_columns.DATE_PARTS if kind == "date" else 1
                numbers += [column["name"]] * count
    lacking = zip(numbers, table["missing"], strict=True)
    return [*numbers, *(name for name, is_lacking in lacking if is_lacking), *values]
