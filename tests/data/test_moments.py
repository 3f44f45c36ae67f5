import sys

import keras
import numpy as np
import pytest
from image_folders import make_folder

from kdl.data import load, moments

pytestmark = pytest.mark.one_backend

X = np.random.default_rng(0).normal(1e4, 3, (50, 4, 3)) * [1, 10, 0.1]


class TestMoments:
    @pytest.mark.parametrize("numbers", [2**24, 100])
    def test_are_those_of_numpy_however_small_the_parts(self, monkeypatch, numbers):
        monkeypatch.setattr(sys.modules["kdl.data.moments"], "_NUMBERS", numbers)
        for axis, others in ((-1, (0, 1)), (1, (0, 2)), (None, None)):
            mean, variance = moments(X, axis)
            np.testing.assert_allclose(mean, X.mean(others), rtol=1e-12)
            np.testing.assert_allclose(variance, X.var(others), rtol=1e-10)

    def test_missing_numbers_do_not_count(self, monkeypatch):
        monkeypatch.setattr(sys.modules["kdl.data.moments"], "_NUMBERS", 6)
        x = np.array([[1, 7, np.nan], [np.nan, 7, np.nan], [4, 7, np.nan]], "float32")
        mean, variance = moments(x)
        # What is always the same, or not there, cannot be scaled to a variance of 1.
        assert mean.tolist() == [2.5, 7, 0]
        assert variance.tolist() == [2.25, 1, 1]

    def test_of_no_places_are_none(self):
        mean, variance = moments(np.zeros((4, 0)))
        assert mean.shape == variance.shape == (0,)

    def test_normalize_as_a_layer_of_keras(self):
        x = X.astype("float32")
        mean, variance = moments(x)
        normalized = keras.layers.Normalization(mean=mean, variance=variance)
        made = keras.ops.convert_to_numpy(normalized(x))
        np.testing.assert_allclose(made.mean((0, 1)), 0, atol=2e-3)
        np.testing.assert_allclose(made.std((0, 1)), 1, rtol=1e-3)

    def test_reads_images_on_disk_in_parts(self, tmp_path, monkeypatch):
        monkeypatch.setattr(sys.modules["kdl.data.moments"], "_NUMBERS", 6 * 5 * 3 * 4)
        x, _ = load(f"images:{make_folder(tmp_path, {'a': 9, 'b': 9})}").train
        images = x[np.arange(len(x))]
        mean, variance = moments(x)
        np.testing.assert_allclose(mean, images.mean((0, 1, 2)), rtol=1e-5)
        np.testing.assert_allclose(variance, images.var((0, 1, 2)), rtol=1e-5)

    @pytest.mark.parametrize(
        ("x", "options", "message"),
        [
            (
                np.array(["a"]),
                {},
                "`x` must hold numbers, of shape (examples, ...), one example or more. "
                "Received: <U1 (1,)",
            ),
            (
                np.zeros((0, 3)),
                {},
                "`x` must hold numbers, of shape (examples, ...), one example or more. "
                "Received: float64 (0, 3)",
            ),
            (
                np.array([[1.0, np.inf]]),
                {},
                "`x` must hold finite numbers, or NaN. Received: inf",
            ),
            (X, {"axis": 3}, "`axis` must be an integer in [-3, 3). Received: axis=3"),
            (
                X,
                {"axis": -3},
                "`axis` must not be that of the examples. Received: axis=-3",
            ),
        ],
    )
    def test_refuses(self, x, options, message):
        with pytest.raises(ValueError) as error:
            moments(x, **options)
        assert str(error.value) == message
