import numpy as np
import pytest

from kdl.data import load
from kdl.data.sources.npz_files import read_npz

pytestmark = pytest.mark.one_backend

X = np.arange(100 * 6).reshape(100, 2, 3).astype("uint8")
Y = np.arange(100) % 4


def save(folder, **arrays):
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return path


class TestReadNpz:
    def test_splits_by_seed_with_a_tenth_of_each_class(self, tmp_path):
        x = np.arange(100.0)
        path = save(tmp_path, x=x, y=Y)
        splits = read_npz(path, seed=0)
        assert sorted(np.concatenate([x for x, _ in splits])) == [*x]
        for (x, y), count in zip(splits, (21, 2, 2), strict=True):
            np.testing.assert_array_equal(x % 4, y)
            assert np.bincount(y).tolist() == [count] * 4
        again, other = load(f"npz:{path}"), load(f"npz:{path}", seed=1)
        np.testing.assert_array_equal(again.test[0], splits.test[0])
        assert not np.array_equal(other.test[0], splits.test[0])

    def test_takes_parts_and_draws_those_that_are_missing(self, tmp_path):
        parts = {"x_train": X, "y_train": Y, "x_test": X[:8], "y_test": Y[:8]}
        assert [len(y) for _, y in read_npz(save(tmp_path, **parts))] == [92, 8, 8]
        parts |= {"x_validation": X[:4], "y_validation": Y[:4]}
        splits = read_npz(save(tmp_path, **parts))
        assert [len(y) for _, y in splits] == [100, 4, 8]
        np.testing.assert_array_equal(splits.train[1], Y)

    def test_images_become_floats_with_channels(self, tmp_path):
        x, _ = read_npz(save(tmp_path, x=X, y=Y)).train
        assert x.dtype == "float32" and x.shape == (84, 2, 3, 1)
        assert {*np.rint(255 * x).ravel()} <= {*range(256)} and x.max() <= 1
        x, _ = read_npz(save(tmp_path, x=X[:, None], y=Y)).train
        assert x.dtype == "float32" and x.shape == (84, 1, 2, 3)

    def test_leaves_other_arrays_as_they_are(self, tmp_path):
        for x in (X[:, :, 0], X.astype("int64"), X.astype("float64")):
            part, _ = read_npz(save(tmp_path, x=x, y=Y)).train
            assert part.dtype == x.dtype and part.shape[1:] == x.shape[1:]

    @pytest.mark.parametrize("y", [np.linspace(0, 1, 50), np.arange(50), np.ones(50)])
    def test_draws_from_all_where_targets_are_no_classes(self, tmp_path, y):
        splits = read_npz(save(tmp_path, x=np.arange(50), y=y))
        assert [len(y) for _, y in splits] == [40, 5, 5]

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            (
                {"inputs": X, "y": Y},
                "must hold the arrays x and y, or x_train, y_train, x_test and y_test. "
                "Received: 'inputs', 'y'",
            ),
            (
                {"x_train": X, "y_train": Y, "x_test": X},
                "must hold the arrays x and y, or x_train, y_train, x_test and y_test. "
                "Received: 'x_train', 'y_train', 'x_test'",
            ),
            (
                {},
                "must hold the arrays x and y, or x_train, y_train, x_test and y_test. "
                "Received: nothing",
            ),
            (
                {"x": X, "y": Y[1:]},
                "must have one or more rows in x, and as many in y. Received: shapes "
                "(100, 2, 3) and (99,)",
            ),
            (
                {"x_train": X, "y_train": Y, "x_test": X[:0], "y_test": Y[:0]},
                "must have one or more rows in x_test, and as many in y_test. "
                "Received: shapes (0, 2, 3) and (0,)",
            ),
            (
                {"x": X, "y": Y.astype(object)},
                "must hold arrays of numbers or texts. Received: 'y' of Python "
                "objects, which are not loaded since that can run any code",
            ),
            (
                {"x": X[:2], "y": Y[:2]},
                "must have 3 training rows or more, one each for training, validation "
                "and test. Received: 2",
            ),
        ],
    )
    def test_refuses_other_contents(self, tmp_path, arrays, message):
        path = save(tmp_path, **arrays)
        with pytest.raises(ValueError) as error:
            read_npz(path)
        assert str(error.value) == f"{path} {message}"

    def test_refuses_other_files(self, tmp_path):
        path = tmp_path / "data.npz"
        for contents in (b"", b"x,y\n1,2\n"):
            path.write_bytes(contents)
            with pytest.raises(ValueError) as error:
                read_npz(path)
            assert str(error.value) == (
                f"{path} must be an .npz file, as numpy.savez writes it."
            )

    def test_says_that_a_file_is_damaged(self, tmp_path):
        path = save(tmp_path, x=X, y=Y)
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(ValueError) as error:
            read_npz(path)
        assert str(error.value) == f"{path} is damaged: File is not a zip file"

    def test_a_file_that_is_not_there_is_an_os_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            read_npz(tmp_path / "nowhere.npz")
