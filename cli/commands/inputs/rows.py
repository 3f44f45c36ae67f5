"""Rows about inputs, as CSV or JSON lines."""

import csv
import json

import numpy as np


def writer(kind, file, first):
    """Returns a function that writes rows as CSV or JSON lines.

    Args:
        kind: String, `"csv"` or `"jsonl"`.
        file: File that is open for text.
        first: Dict, the first row, of which CSV has the columns.
    """
    if kind == "jsonl":
        return lambda rows: file.writelines(
            json.dumps({"input": row["input"], **row}, ensure_ascii=False) + "\n"
            for row in rows
        )
    columns = list(dict.fromkeys(["input", *flat(first)]))
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()

    def write(rows):
        for row in map(flat, rows):
            if other := row.keys() ^ set(columns):
                raise ValueError(
                    f"The prediction of {row['input']} has other columns than the "
                    f"first: {', '.join(sorted(other))}. Use --format jsonl."
                )
            writer.writerow(row)

    return write


def flat(row):
    """A row with a column for each number of a list."""
    flat = {}
    for name, value in row.items():
        if isinstance(value, list):
            for place in np.ndindex(np.shape(value)):
                key = "/".join(map(str, (name, *place)))
                flat[key] = np.asarray(value)[place].item()
        else:
            flat[name] = value
    return flat
