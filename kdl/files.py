"""Files that are whole or not there."""

import contextlib
import glob
import json
import os
import platform
from pathlib import Path

import filelock


class WriteError(OSError):
    """A file of ours could not be written, for lack of space or of a permission.

    It tells the failure of a write from the failure of what is written about: a trial
    of a search, or a fit, is not to blame for a disk that is full.
    """


@contextlib.contextmanager
def atomic(path):
    """Yields a path to write to, which takes the place of `path` at the end.

    Whoever reads `path` finds what stood there before or all of what was written,
    also if the process is killed or the machine stops in between. An error leaves
    `path` alone. What killed processes left half written goes with the next success.

    Args:
        path: String or `Path` of a file in an existing folder.

    Raises:
        WriteError: If the file cannot be written.
    """
    path = Path(path)
    # In the same folder, since a file moves at once only within a file system; of
    # the same suffixes, since Keras and matplotlib go by them.
    draft = path.with_name(f"{_HERE}{os.getpid()}.{path.name}")
    try:
        with writing(path):
            yield draft
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(draft, path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    sweep(path.parent, glob.escape(path.name))


@contextlib.contextmanager
def writing(path):
    """Raises a `WriteError` that names `path` for what the system refuses within."""
    try:
        yield
    except WriteError:
        raise
    except (OSError, RuntimeError) as error:
        # HDF5 raises a RuntimeError where it is out of space when a file is closed.
        if isinstance(error, RuntimeError) and "errno" not in str(error):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise WriteError(f"Cannot write {path}: {reason}") from error


def hold(path, doing):
    """Returns a lock on a folder, which nobody else may have meanwhile.

    It is let go at the end of a `with` block, or by the system with the process.

    Args:
        path: `Path` of an existing folder.
        doing: String. What is done in it.

    Raises:
        ValueError: If somebody else has it.
        WriteError: If the folder cannot be written to.
    """
    lock = filelock.FileLock(path / ".lock", blocking=False, thread_local=False)
    with writing(lock.lock_file):
        try:
            return lock.acquire()
        except filelock.Timeout:
            held = f"Another process is {doing} in {path}."
    raise ValueError(held)


def sweep(folder, pattern):
    """Removes what processes of this machine that are no more left of files.

    Args:
        folder: `Path` of the folder of the files.
        pattern: String. A glob pattern of their names.
    """
    for draft in folder.glob(f"{glob.escape(_HERE)}*.{pattern}"):
        process = draft.name.removeprefix(_HERE).partition(".")[0]
        if process.isdecimal() and not _is_running(int(process)):
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def _is_running(process):
    if os.name == "nt":
        return True  # There, signal 0 is Ctrl-C.
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # Somebody else's.
    return True


# Drafts begin so. A folder may be shared by machines, each with a process of a number.
_HERE = f".{platform.node()}."


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
    if not isinstance(path, (str, Path)) or Path(path).suffix != ".png":
        raise ValueError(f"`path` must end in '.png'. Received: path={path!r}")
    with atomic(path) as draft:
        figure.savefig(draft, dpi=dpi)
