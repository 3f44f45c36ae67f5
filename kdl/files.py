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
    # the same suffix, since Keras and matplotlib go by it.
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_json(path, value):
    """Writes a value of plain Python types as indented JSON, atomically."""
    with atomic(path) as draft:
        draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
