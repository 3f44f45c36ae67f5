"""Tables from files."""

import re
from pathlib import Path

from kdl.data.columns import as_column

SEPARATORS = ",;\t|"
# What pandas says of a line that has more values than the first.
_UNEVEN = r"Expected (\d+) fields in line (\d+), saw (\d+)"


def read_columns(path, as_texts=False):
    """Reads a table from CSV, TSV or Parquet.

    Args:
        path: String or `pathlib.Path`. A file of suffix `.parquet` needs pyarrow. In
            others, in UTF-8, the first line has the names of the columns, between
            commas, semicolons, tabs or bars.
        as_texts: Boolean. Whether all values are texts, as they stand. Defaults to
            `False`.

    Returns:
        Dict of arrays of shape `(rows,)` by name, as `as_column` returns them, or of
        strings, of which the empty one is missing.

    Raises:
        ValueError: If the file is no table.
        OSError: If it cannot be read.
        ImportError: If it is Parquet and pyarrow is missing.
    """
    # Here, since it takes longer to import than all of kdl.
    import pandas

    path = Path(path)
    with path.open("rb") as file:
        head = file.readline()
    try:
        if path.suffix.lower() == ".parquet":
            frame = pandas.read_parquet(path)
        else:
            frame = pandas.read_csv(
                path,
                sep=max(SEPARATORS, key=lambda c: head.count(c.encode())),
                dtype=str,
                keep_default_na=False,
                header=None,
                encoding="utf-8-sig",
            )
            names = frame.iloc[0].str.strip()
            frame = frame.iloc[1:].set_axis(names, axis="columns")
    except ImportError:
        raise ImportError("Parquet needs pyarrow: pip install pyarrow") from None
    except ValueError as error:
        reason = str(error).strip().replace("\n", " ")
        if found := re.search(_UNEVEN, reason):
            expected, line, count = found.groups()
            raise ValueError(
                f"{path} must have {expected} values in each line, as the first line "
                "has names: put what has a separator in it between quotes. Received: "
                f"{count} in line {line}"
            ) from None
        raise ValueError(f"{path} cannot be read as a table: {reason}") from None
    names = list(map(str, frame.columns))
    twice = sorted({name for name in names if names.count(name) > 1 or not name})
    if twice:
        raise ValueError(
            f"{path} must have a name of its own for each column. Received: "
            f"{', '.join(map(repr, names))}"
        )
    if not len(frame):
        raise ValueError(f"{path} must have a row at least below the names")
    if as_texts:
        frame = frame.fillna("").astype(str)
        return {
            name: frame.iloc[:, n].str.strip().to_numpy(str)
            for n, name in enumerate(names)
        }
    return {
        name: as_column(frame.iloc[:, n].to_numpy(), f"The column {name!r} of {path}")
        for n, name in enumerate(names)
    }
