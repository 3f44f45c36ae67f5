import copy
import pickle

import keras
import numpy as np
import pytest

from kdl.data.on_disk import OnDisk, concatenate, take

pytestmark = pytest.mark.one_backend


class Squares(OnDisk):
    """Row n holds n and its square."""

    def __init__(self, count=10):
        super().__init__(count, (2,), "The squares")
        self.read = []

    def _read(self, rows):
        self.read += rows.tolist()
        return np.stack([rows, rows**2], axis=1).astype("float32")

    def _names(self, rows):
        return [str(row) for row in rows]


class TestOnDisk:
    def test_looks_like_an_array(self):
        x = Squares()
        assert len(x) == 10 and x.shape == np.shape(x) == (10, 2)
        assert x.ndim == 2 and x.size == 20 and x.dtype == "float32"
        assert keras.tree.flatten({"a": x}) == [x]

    def test_reads_the_rows_that_are_asked_for(self):
        x = Squares()
        np.testing.assert_array_equal(x[np.array([3, 1, 3])][:, 1], [9, 1, 9])
        np.testing.assert_array_equal(x[-2], [8, 64])
        np.testing.assert_array_equal(x[np.arange(10) > 8], [[9, 81]])
        assert x.read == [3, 1, 3, 8, 9]
        for rows in (10, np.array([0, 10])):
            with pytest.raises(IndexError):
                x[rows]

    def test_a_slice_stays_on_disk(self):
        x = Squares()
        part = x[2:8].take(np.array([5, 0]))
        assert part.shape == (2, 2) and part.names() == ["7", "2"] and x.read == []
        np.testing.assert_array_equal(part[np.arange(2)][:, 1], [49, 4])

    def test_copies_are_of_the_same_rows(self):
        part = Squares()[3:5]
        for copied in (copy.deepcopy(part), pickle.loads(pickle.dumps(part))):
            np.testing.assert_array_equal(copied[0], [3, 9])

    def test_refuses_to_be_read_at_once(self):
        for read in (np.asarray, lambda x: np.concatenate([x, x])):
            with pytest.raises(TypeError) as error:
                read(Squares())
            assert str(error.value) == (
                "The squares stay on disk: `x[rows]` reads those of an array of "
                "integers, and `kdl.data.Batches(x, y)` all of them, batch by batch."
            )


class TestArraysAlike:
    def test_parts_are_joined_without_reading_them(self):
        parts = Squares(), Squares()[7:], Squares()[:2]
        whole = np.concatenate([part[np.arange(len(part))] for part in parts])
        x = concatenate(parts)
        assert x.shape == (15, 2)
        rows = np.array([14, 0, 10, 3, 13, 9])
        np.testing.assert_array_equal(x[rows], whole[rows])
        np.testing.assert_array_equal(take(x, rows)[2:][np.arange(2)], whole[[10, 3]])
        assert x.names() == [*map(str, range(10)), "7", "8", "9", "0", "1"]
        assert x[12:].names() == ["9", "0", "1"]

    def test_arrays_are_as_numpy_has_them(self):
        x = np.arange(6).reshape(3, 2)
        np.testing.assert_array_equal(concatenate([x, x]), np.concatenate([x, x]))
        np.testing.assert_array_equal(take(x.tolist(), np.array([2, 0])), x[[2, 0]])
