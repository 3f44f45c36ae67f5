"""Raw inputs from files of arrays, numbers and texts, one after the other.

No file is read whole: memory does not grow with the number of inputs.
"""

import contextlib
import csv
import json
import math
import sys
import zipfile
from pathlib import Path

import numpy as np

from kdl.data.sources.tables.read_columns import SEPARATORS

STDIN = "-"


def files(path, suffixes):
    """Returns the files that a path means: itself, or those of a folder, sorted.

    Args:
        path: String or `Path` of a file or a folder, or `"-"`.
        suffixes: Collection of strings. Endings of the files of a folder.

    Raises:
        ValueError: If there is no such file, or none in the folder.
    """
    if str(path) == STDIN:
        return [STDIN]
    path = Path(path)
    if path.is_dir():
        found = sorted(
            file
            for file in path.rglob("*")
            if file.suffix.lower() in suffixes and file.is_file()
        )
        if not found:
            raise ValueError(
                f"{path} holds no inputs: it has no file that ends in "
                f"{listed(suffixes)}."
            )
        return found
    if not path.exists():
        raise ValueError(f"There is no file or folder {path}.")
    if not path.is_file():
        raise ValueError(f"{path} must be a file or a folder, not a device or a pipe.")
    return [path]


def check_suffix(path, suffixes):
    """Returns the ending of a file, if it is one of `suffixes`."""
    suffix = Path(path).suffix.lower()
    if suffix not in suffixes:
        raise ValueError(
            f"{path} is of a kind that the recipe does not read. It reads files that "
            f"end in {listed(suffixes)}."
        )
    return suffix


def listed(suffixes):
    return ", ".join(suffixes)


def numbers(path):
    """Yields name and array of each row of a file of numbers or arrays.

    Args:
        path: `Path` of a file that ends in `.npy`, `.npz`, `.csv`, `.tsv` or `.jsonl`,
            or `"-"`, lines of numbers or of JSON.

    Raises:
        ValueError: If the file holds something else.
    """
    suffix = "" if path == STDIN else path.suffix.lower()
    if suffix in (".npy", ".npz"):
        for index, row in enumerate(arrays(path)):
            yield f"{path}[{index}]", row
        return
    for place, line in lines(path):
        yield place, _numbers(place, line, suffix)


def arrays(path):
    """Yields the rows of the array in a file of NumPy."""
    with contextlib.ExitStack() as opened:
        try:
            file = opened.enter_context(_array_file(path))
            shape, dtype = _header(file)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ValueError(f"{path} is no file of an array: {reason}") from None
        if not shape or dtype.kind not in "biuf":
            raise ValueError(
                f"{path} must hold an array of numbers, a row for each input. "
                f"Received: {dtype} {shape}"
            )
        for _ in range(shape[0]):
            content = file.read(dtype.itemsize * math.prod(shape[1:]))
            try:
                yield np.frombuffer(content, dtype).reshape(shape[1:])
            except ValueError:
                raise ValueError(
                    f"{path} is damaged: it ends within an array."
                ) from None


def texts(path):
    """Yields name and text of each line of a file of texts.

    Of several columns, the text is the first. Empty lines are left out.

    Args:
        path: `Path` of a file that ends in `.txt`, `.csv`, `.tsv` or `.jsonl`, or
            `"-"`, a text a line.

    Raises:
        ValueError: If the file is not in UTF-8, or a line is something else.
    """
    suffix = "" if path == STDIN else path.suffix.lower()
    for place, line in lines(path):
        if suffix == ".jsonl":
            value = _json(place, line)
            if isinstance(value, dict):
                value = value.get("text")
            if not isinstance(value, str):
                raise ValueError(
                    f'{place} must be a text, as in "one" or {{"text": "one"}}. '
                    f"Received: {line}"
                )
            yield place, value
        elif suffix in (".csv", ".tsv"):
            yield place, _fields(line, suffix)[0]
        else:
            yield place, line


def rows_in(path, suffixes):
    """Yields name and row of each line of a table.

    Args:
        path: `Path` of a file that ends in `.csv`, `.tsv`, `.jsonl` or `.parquet`, or
            `"-"`, CSV. The first line of CSV and TSV has the names of the columns,
            between commas, semicolons, tabs or bars.
        suffixes: Collection of strings. Endings of files that are read.

    Raises:
        ValueError: If the file is of another kind, not in UTF-8, or no table.
        ImportError: If it is Parquet and pyarrow is missing.
    """
    suffix = "" if path == STDIN else check_suffix(path, suffixes)
    if suffix == ".parquet":
        for index, row in enumerate(_parquet_rows(path)):
            yield f"{path}[{index}]", row
        return
    if suffix == ".jsonl":
        for place, line in lines(path):
            row = _json(place, line)
            if not isinstance(row, dict):
                raise ValueError(
                    f'{place} must be a row, as in {{"a": 1, "b": "x"}}. '
                    f"Received: {line[:60]}"
                )
            yield place, row
        return
    names = None
    for place, line in lines(path):
        if names is None:
            separator = max(SEPARATORS, key=line.count)
        (values,) = csv.reader([line], delimiter=separator)
        if names is None:
            names = [name.strip() for name in values]
            continue
        if len(values) != len(names):
            raise ValueError(
                f"{place} must have {len(names)} values, as the first line has names. "
                f"Received: {len(values)}"
            )
        yield place, dict(zip(names, values, strict=True))


def _parquet_rows(path):
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ImportError("Parquet needs pyarrow: pip install pyarrow") from None
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except ArrowException as error:
        raise ValueError(f"{path} is no Parquet file: {error}") from None


def lines(path):
    """Yields place and text of each line of a file that is not empty."""
    name = "standard input" if path == STDIN else path
    opened = (
        contextlib.nullcontext(sys.stdin)
        if path == STDIN
        else path.open(encoding="utf-8-sig", newline=None)
    )
    with opened as file:
        number = 0
        while True:
            number += 1
            try:
                line = file.readline()
            except UnicodeDecodeError:
                raise ValueError(f"{name} must be a text in UTF-8.") from None
            if not line:
                return
            if line.strip():
                yield f"{name}:{number}", line.rstrip("\n")


@contextlib.contextmanager
def _array_file(path):
    if path.suffix.lower() == ".npy":
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        names = [n[: -len(".npy")] for n in archive.namelist() if n.endswith(".npy")]
        name = names[0] if len(names) == 1 else "x"
        if name not in names:
            raise ValueError(
                "it must have one array, or one that is called `x`. It has: "
                f"{', '.join(names) or 'none'}"
            )
        with archive.open(f"{name}.npy") as file:
            yield file


def _header(file):
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, is_fortran, dtype = read(file)
    if is_fortran and len(shape) > 1:
        raise ValueError(
            "its array is in Fortran's order. Save numpy.ascontiguousarray"
        )
    return shape, dtype


def _numbers(place, line, suffix):
    is_json = suffix == ".jsonl" or (not suffix and line.lstrip().startswith("["))
    try:
        value = _json(place, line) if is_json else _fields(line, suffix)
        row = np.asarray(value, "float32")
    except (TypeError, ValueError):
        row = None
    if row is None or not row.ndim or not np.isfinite(row).all():
        raise ValueError(
            f"{place} must be finite numbers, as in {'[1, 2]' if is_json else '1,2'}. "
            f"Received: {line if len(line) <= 60 else line[:60] + '…'}"
        )
    return row


def _json(place, line):
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError(f"{place} is not JSON. Received: {line[:60]}") from None


def _fields(line, suffix):
    (row,) = csv.reader([line], delimiter="\t" if suffix == ".tsv" else ",")
    return row
