"""Rows of an array that stay on disk."""

import abc
import copy
import math

import numpy as np


class OnDisk(abc.ABC):
    """Rows of an array that are read when they are asked for by their numbers.

    `x[rows]` reads the rows of an array of integers, and `x[3]` the one. A slice, as
    `take` does, returns a part that is still on disk. Nothing reads all of them at
    once: `kdl.data.Batches` takes such a part and reads it batch by batch.

    Subclasses read rows in `_read`, which threads call side by side, name them in
    `_names`, and may tell more of them in `_details`.

    Args:
        count: Integer. Number of rows there are.
        item_shape: Tuple of integers. Shape of a row.
        what: String. What an error calls the rows, such as `"the images of pets"`.

    Attributes:
        shape: Tuple of integers, the number of rows first.
        dtype: `numpy.dtype` of what is read.
        facts: Dict. What was found of them, as `Splits.summary` tells it.
    """

    dtype = np.dtype("float32")

    def __init__(self, count, item_shape, what):
        self._rows = np.arange(count)
        self._item_shape = tuple(item_shape)
        self._what = what
        self.facts = {}

    @property
    def shape(self):
        return (len(self._rows), *self._item_shape)

    @property
    def ndim(self):
        return len(self.shape)

    @property
    def size(self):
        return math.prod(self.shape)

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            return self.take(rows)
        chosen = self._rows[rows]
        return self._read(chosen) if chosen.ndim else self._read(chosen[None])[0]

    def take(self, rows):
        """Returns some of the rows, still on disk.

        Args:
            rows: Slice or integer array. Their numbers.
        """
        part = copy.copy(self)
        part._rows = self._rows[rows]
        return part

    def names(self):
        """Returns what identifies each row on disk, a list of strings."""
        return self._names(self._rows)

    def details(self):
        """Returns what is known of each row without reading it, a dict of arrays."""
        return self._details(self._rows)

    def __array__(self, *args, **kwargs):
        raise TypeError(
            f"{self._what} stay on disk: `x[rows]` reads those of an array of "
            "integers, and `kdl.data.Batches(x, y)` all of them, batch by batch."
        )

    @abc.abstractmethod
    def _read(self, rows):
        """Reads rows, by an integer array, as an array."""

    @abc.abstractmethod
    def _names(self, rows):
        """What identifies rows, a list of strings."""

    def _details(self, rows):
        """What is known of rows, a dict of arrays by name."""
        return {}


class _Joined(OnDisk):
    """Rows of several parts on disk, one after the other."""

    def __init__(self, parts):
        first = parts[0]
        super().__init__(sum(map(len, parts)), first.shape[1:], first._what)
        self.facts, self.dtype = first.facts, first.dtype
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    def _places(self, rows):
        """The part of each row, and the number of the row in it."""
        of = np.searchsorted(self._ends, rows, side="right")
        return of, rows - np.r_[0, self._ends][of]

    def _read(self, rows):
        array = np.empty((len(rows), *self._item_shape), self.dtype)
        of, places = self._places(rows)
        for n in np.unique(of):
            array[of == n] = self._parts[n][places[of == n]]
        return array

    def _names(self, rows):
        names = [part.names() for part in self._parts]
        return [names[n][place] for n, place in zip(*self._places(rows), strict=True)]

    def _details(self, rows):
        parts = [part.details() for part in self._parts]
        return {
            name: np.concatenate([part[name] for part in parts])[rows]
            for name in parts[0]
        }


def concatenate(arrays):
    """Returns arrays one after the other, as `numpy.concatenate`; also those on disk.

    Args:
        arrays: Sequence of arrays, or of parts on disk.
    """
    if all(isinstance(array, OnDisk) for array in arrays):
        return _Joined(arrays)
    return np.concatenate(arrays)


def take(array, rows):
    """Returns some rows of an array, or of a part on disk, which stay there.

    Args:
        array: Array, or a part on disk.
        rows: Integer array.
    """
    return array.take(rows) if isinstance(array, OnDisk) else np.asarray(array)[rows]
