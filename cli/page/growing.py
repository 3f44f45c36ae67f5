"""The page of a search that runs, written again as trials end."""

import time

from kdl.files import WriteError
from kdl_cli.page import page

# Largest share of a search's time that the page may take.
SHARE = 1 / 20


class GrowingPage:
    """Keeps the page of a search up to date, unless that would slow quick trials.

    Args:
        folder: `Folder` of the search, which this process writes.
    """

    def __init__(self, folder):
        self._folder = folder
        self._took, self._ended = 0.0, None

    def update(self, search):
        """Writes the page, unless the last time took too much of the time since.

        An error of the page does not end the search, but for a disk that is full.

        Args:
            search: `kdl.tuning.SearchRecord`.

        Raises:
            WriteError: If the page cannot be written.
        """
        began = time.monotonic()
        if self._ended is not None and self._took > SHARE * (began - self._ended):
            return
        try:
            self.write(search, "still running")
        except WriteError:
            raise
        except Exception:  # Printed at the end of the search, if it persists.
            pass
        self._ended = time.monotonic()
        self._took = self._ended - began

    def write(self, search, status):
        """Writes the page, which says how the search stands."""
        page.write(self._folder.path, search, self._folder.ended(status))
