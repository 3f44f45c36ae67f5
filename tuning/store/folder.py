"""The folder of a search: who has it, and whether it is as it was left."""

import contextlib
from pathlib import Path

from kdl.files import WriteError, hold


class SearchFolder:
    """What a process knows of the folder that its search is in.

    While it has the folder, no other process searches there, and a folder that takes
    its place is noticed. In between, others may search: `is_known` tells whether the
    file of the oracle is the one that this process has read or written last.

    Attributes:
        is_held: Boolean. Whether this process has the folder.
    """

    def __init__(self):
        self.is_held = False
        # What tells the folder and the file from others of their names.
        self._folder = self._file = None

    @contextlib.contextmanager
    def held(self, path):
        """Keeps other processes from the folder while the block runs.

        Args:
            path: `Path` of the folder, which is there.

        Raises:
            ValueError: If another process is searching there.
            WriteError: If the folder cannot be written to.
        """
        with hold(path, "searching"):
            try:
                self.is_held, self._folder = True, _identity(path)
                yield
            finally:
                self.is_held, self._folder = False, None

    def check(self, path):
        """Raises a `WriteError` if the folder that is held is gone, or another."""
        if self.is_held and self._folder != _identity(path):
            raise WriteError(
                f"The folder {path} of the search is gone: it was deleted or "
                "replaced while the search ran."
            )

    def know(self, file):
        """Notes that the oracle's file, a `Path`, is as this process has it."""
        self._file = _identity(file)

    def is_known(self, file):
        """Whether the oracle's file, a `Path`, is as it was noted last."""
        return self._file == _identity(file)

    def forget(self):
        """Takes whatever file is there for another one."""
        self._file = ()


def check_free(directory, project_name):
    """Raises a `ValueError` if somebody is searching in a folder."""
    # Their defaults are those of KerasTuner.
    folder = Path(directory or ".") / (project_name or "untitled_project")
    if folder.is_dir():
        with hold(folder, "searching"):
            pass


def _identity(path):
    """What tells a file or folder from another that takes its place, or `None`."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    # The time of a folder changes with what is in it.
    return stat.st_dev, stat.st_ino, None if path.is_dir() else stat.st_mtime_ns
