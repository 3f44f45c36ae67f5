"""Inputs on disk, as tests have them."""

import threading

from kdl.data.on_disk import OnDisk


class Stored(OnDisk):
    """The rows of an array, as if they were on disk.

    Args:
        array: Array.
        broken: Optional integer. A row that cannot be read.

    Attributes:
        rows: List of the rows that were read, in that order.
    """

    def __init__(self, array, broken=None):
        super().__init__(len(array), array.shape[1:], "The numbers")
        self.array, self.broken = array, broken
        self.rows, self.lock = [], threading.Lock()

    def _read(self, rows):
        with self.lock:
            self.rows += rows.tolist()
        if self.broken in rows:
            raise ValueError(f"Row {self.broken} is broken")
        return self.array[rows]

    def _names(self, rows):
        return [str(row) for row in rows]
