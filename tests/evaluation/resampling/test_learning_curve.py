import types

import keras
import keras_tuner
import numpy as np
import pytest

import kdl
from kdl.data import Splits
from kdl.evaluation import learning_curve

pytestmark = pytest.mark.one_backend


def line(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(count, 1)).astype("float32")
    return x, (2 * x + 0.5 * rng.normal(size=x.shape)).astype("float32")


class Line(kdl.recipes.Recipe):
    """Fits a line by least squares, and notes to what."""

    default_source = Splits(line(64, 0), line(10, 1), line(2000, 2))
    objective = keras_tuner.Objective("val_loss", "min")
    epochs = 1
    fits = []

    def space(self, hp):
        return types.SimpleNamespace()

    def build(self, hp):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        self.fits.append(set(map(float, x[:, 0])))
        slope, shift = np.polyfit(x[:, 0], y[:, 0], 1)
        model.set_weights([np.array([[slope]]), np.array([shift])])
        return types.SimpleNamespace(epoch=[0])


@pytest.fixture
def fits():
    Line.fits = []
    return Line.fits


def test_error_falls_as_least_squares_has_it(fits):
    """The excess over the noise is 2 of them / n, with a slope and a shift."""
    found = learning_curve(Line(), sizes=(0.25, 1.0), seeds=20)
    assert found["examples"].tolist() == [16, 64]
    assert found["test_loss"].shape == found["epochs"].shape == (2, 20)
    x, y = line(2000, 2)
    noise = np.mean((y - 2 * x) ** 2)
    small, large = found["test_loss"].mean(axis=1) - noise
    expected = 0.25 * 2 / 16
    # The parts are of one set of 64: they share its excess.
    assert small == pytest.approx(expected + large, rel=0.6)
    assert small > 2 * large > 0


def test_a_part_is_in_each_larger_one(fits):
    learning_curve(Line(), sizes=(0.125, 0.5, 1.0), seeds=2)
    parts = [fits[n::2] for n in (0, 1)]
    for small, middle, large in parts:
        assert (len(small), len(middle), len(large)) == (8, 32, 64)
        assert small < middle < large
    assert parts[0][0] != parts[1][0]


def test_each_part_has_all_classes():
    images, labels = np.zeros((60, 4, 4, 1), "float32"), np.zeros(60, "int32")
    labels[:2] = 1, 2
    recipe = kdl.recipes.Images(Splits(*[(images, labels)] * 3))
    seen = []

    def fit(hp, model, x, y, **kwargs):
        seen.append(set(y))
        return types.SimpleNamespace(epoch=[0])

    recipe.fit = fit
    learning_curve(recipe, {"filters": 8}, sizes=(0.05, 1.0), epochs=1)
    assert seen == [{0, 1, 2}] * 2


def test_of_a_series_the_last_part_is_kept(fits):
    class Series(Line):
        overlap = 3

    learning_curve(Series(), sizes=(0.25,))
    x, _ = line(64, 0)
    assert fits == [set(map(float, x[-16:, 0]))]


def test_goes_on(fits, tmp_path):
    first = learning_curve(Line(), directory=tmp_path)
    again = learning_curve(Line(), directory=tmp_path)
    assert len(fits) == 4
    np.testing.assert_array_equal(first["test_loss"], again["test_loss"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"sizes": (0.5, 0.25)},
            "`sizes` must be increasing shares of the training set, one or more. "
            "Received: [0.5, 0.25]",
        ),
        (
            {"sizes": (0.001,)},
            "The smallest part must have 2 examples or more. Received: sizes=0.001 of "
            "64, 1",
        ),
        (
            {"sizes": (0.0,)},
            "`sizes` must be a number in (0, 1]. Received: sizes=0.0",
        ),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ValueError) as error:
        learning_curve(Line(), **arguments)
    assert str(error.value) == message
