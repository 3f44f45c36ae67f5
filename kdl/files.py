"""Files that are whole or not there."""

import contextlib
import json
import os
from pathlib import Path


@contextlib.contextmanager
def atomic(path):
    """Yields a path to write to, which takes the place of `path` at the end.

    Whoever reads `path` finds what stood there before or all of what was written,
    also if the process is killed in between. An error leaves `path` alone.

    Args:
        path: String or `Path` of a file in an existing folder.
    """
    path = Path(path)
    # In the same folder, since a file moves at once only within a file system; of
    # the same suffixes, since Keras and matplotlib go by them.
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_json(path, value):
    """Writes a value of plain Python types as indented JSON, atomically."""
    with atomic(path) as draft:
        draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def write_png(path, figure, dpi=120):
    """Writes a figure of matplotlib as PNG, atomically.

    Args:
        path: String or `Path` of a PNG file in an existing folder.
        figure: `matplotlib.figure.Figure`.
        dpi: Integer. Pixels an inch. Defaults to `120`.

    Raises:
        ValueError: If `path` is the name of another kind of file.
    """
    if Path(path).suffix != ".png":
        raise ValueError(f"`path` must end in '.png'. Received: path={path!r}")
    with atomic(path) as draft:
        figure.savefig(draft, dpi=dpi)
