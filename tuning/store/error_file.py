"""Why a trial failed, in a file of its own.

KerasTuner's protocol between workers and chief has no place for it.
"""

from pathlib import Path

from kdl.files import atomic

FILE = "error.txt"


def read_message(folder):
    """Returns what `write_message` wrote to the folder of a trial, or `None`."""
    path = Path(folder) / FILE
    if not path.exists():
        return None
    return path.read_text(encoding="utf-8", errors="replace")


def write_message(folder, message):
    """Writes why a trial failed to its folder."""
    with atomic(Path(folder) / FILE) as draft:
        draft.write_text(message, encoding="utf-8", errors="backslashreplace")
