import types

import keras
import keras_tuner
import numpy as np
import pytest

import kdl
from kdl.data import Splits
from kdl.evaluation import bias_variance
from kdl.evaluation.resampling.bias_variance import _squared, _zero_one, spread

pytestmark = pytest.mark.one_backend


def line(count, seed, classes=False):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(count, 1)).astype("float32")
    y = (2 * x + 0.3 * rng.normal(size=x.shape)).astype("float32")
    return x, (y[:, 0] > 0).astype("int32") if classes else y


class Line(kdl.recipes.Recipe):
    """Fits a line by least squares, in one step."""

    default_source = Splits(line(40, 0), line(10, 1), line(30, 2))
    objective = keras_tuner.Objective("val_loss", "min")
    epochs = 1

    def space(self, hp):
        return types.SimpleNamespace()

    def build(self, hp):
        is_class = self.splits.train[1].dtype.kind == "i"
        model = keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(2 if is_class else 1)]
        )
        model.compile("sgd", "mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        slope, shift = np.polyfit(x[:, 0], np.ravel(y), 1)
        if y.ndim == 1:
            # Half is the border of the two classes.
            weights = [np.array([[-slope, slope]]), np.array([1 - shift, shift])]
        else:
            weights = [np.array([[slope]]), np.array([shift])]
        model.set_weights(weights)
        return types.SimpleNamespace(epoch=[0])


def test_squared_error_is_the_sum_of_both():
    rng = np.random.default_rng(0)
    predictions, targets = rng.normal(size=(20, 7)), rng.normal(size=7)
    found = _squared(predictions, targets)
    assert found["loss"] == pytest.approx(found["bias"] + found["variance"])
    assert found["bias"] == pytest.approx(
        np.mean((predictions.mean(axis=0) - targets) ** 2)
    )


def test_variance_of_wrong_main_predictions_takes_from_the_error_of_two_classes():
    rng = np.random.default_rng(0)
    predictions, targets = rng.integers(2, size=(9, 50)), rng.integers(2, size=50)
    found = _zero_one(predictions, targets)
    net = found["unbiased_variance"] - found["biased_variance"]
    assert found["loss"] == pytest.approx(found["bias"] + net)
    whole = found["unbiased_variance"] + found["biased_variance"]
    assert found["variance"] == pytest.approx(whole)


def test_classes_by_hand():
    predictions = np.array([[0, 1, 2], [0, 1, 1], [0, 2, 1]])
    found = _zero_one(predictions, np.array([0, 1, 2]))
    assert found == {
        "loss": pytest.approx(3 / 9),
        "bias": pytest.approx(1 / 3),
        "variance": pytest.approx(2 / 9),
        "unbiased_variance": pytest.approx(1 / 9),
        "biased_variance": pytest.approx(1 / 9),
    }


def test_spread_finds_the_variances_that_losses_are_drawn_with():
    rng = np.random.default_rng(0)
    losses = 2 * rng.normal(size=(4000, 1)) + rng.normal(size=(4000, 3))
    found = spread(losses)
    # Standard errors: sqrt(2 / 8000), and sqrt(2 / 4000) * (4 + 1 / 3).
    assert abs(found["seed_variance"] - 1) < 4 * 0.016
    assert abs(found["data_variance"] - 4) < 4 * 0.097


class TestBiasVariance:
    def test_of_least_squares_is_that_of_its_formula(self):
        """Variance of a line at x: s² (1 + (x - mean)² / var) / n, of n points."""
        found = bias_variance(Line(), resamples=200)
        (x, y), _, (x_test, y_test) = Line().splits
        slope, shift = np.polyfit(x[:, 0], y[:, 0], 1)
        residuals = y - slope * x - shift
        factor = 1 + (x_test - x.mean()) ** 2 / x.var()
        expected = np.mean(residuals.var() * factor / len(x))
        # Within some 15 in a hundred, for the residuals are no draw of their variance.
        assert found["variance"] == pytest.approx(expected, rel=0.2)
        bias = np.mean((slope * x_test + shift - y_test) ** 2)
        assert found["bias"] == pytest.approx(bias, rel=0.05)
        assert found["losses"].shape == (200, 1)
        assert found["loss"] == pytest.approx(found["losses"].mean())

    def test_seeds_make_no_spread_where_nothing_is_drawn_by_them(self):
        splits = Splits(line(40, 0, True), line(10, 1, True), line(30, 2, True))
        found = bias_variance(Line(splits), resamples=4, seeds=3)
        assert found["losses"].shape == (4, 3)
        assert found["seed_variance"] == pytest.approx(0, abs=1e-12)
        assert found["data_variance"] == pytest.approx(
            found["losses"][:, 0].var(ddof=1)
        )
        assert found["loss"] == pytest.approx(
            found["bias"] + found["unbiased_variance"] - found["biased_variance"]
        )

    def test_goes_on_with_more_samples(self, tmp_path):
        ended = []
        bias_variance(Line(), resamples=2, directory=tmp_path)
        found = bias_variance(
            Line(),
            resamples=3,
            directory=tmp_path,
            on_training_end=lambda number, row: ended.append(number),
        )
        whole = bias_variance(Line(), resamples=3)
        np.testing.assert_array_equal(found["losses"], whole["losses"])
        assert ended == [0, 1, 2]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"resamples": 1},
                "`resamples` must be an integer in [2, inf). Received: resamples=1",
            ),
            (
                {"seeds": 0},
                "`seeds` must be an integer in [1, inf). Received: seeds=0",
            ),
            (
                {"recipe": kdl.recipes.Forecast()},
                "The examples of the recipe 'forecast' follow each other: samples of "
                "them would have windows that share steps.",
            ),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError) as error:
            bias_variance(**{"recipe": Line(), **arguments})
        assert str(error.value) == message
