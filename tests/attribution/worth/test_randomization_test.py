import keras
import numpy as np
import pytest
from contracts import array
from scipy.stats import spearmanr
from scored_models import IMAGES, convolutions

from kdl.attribution import randomization_test, saliency


class TestRandomizationTest:
    def test_tells_what_follows_the_model_from_what_follows_the_image(self):
        model = convolutions()
        before = [array(weight).copy() for weight in model.weights]
        found = randomization_test(model, lambda m: saliency(m, IMAGES, 2))
        # From the last layer to the first.
        assert [name.split("/")[-1] for name in found] == [
            *("logits", "inner", "norm", "first")
        ]
        # Of 64 pixels, a correlation by chance has the standard error 1 / 8, and
        # the mean of six images less.
        assert abs(found[list(found)[-1]]) < 0.4
        edges = randomization_test(model, lambda m: np.gradient(IMAGES, axis=1))
        np.testing.assert_allclose(list(edges.values()), 1)
        for weight, value in zip(model.weights, before, strict=True):
            np.testing.assert_array_equal(array(weight), value)

    def test_is_the_mean_of_spearman_s_correlations(self):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        rng = np.random.default_rng(0)
        one, other = rng.integers(-3, 3, (2, 6, 9)).astype(float)
        (found,) = randomization_test(model, _each(one, other)).values()
        expected = [
            spearmanr(np.abs(a), np.abs(b))[0] for a, b in zip(one, other, strict=True)
        ]
        np.testing.assert_allclose(found, np.mean(expected))

    def test_is_nan_where_all_attributions_are_alike(self):
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        (found,) = randomization_test(model, lambda m: np.ones((2, 4))).values()
        assert np.isnan(found)

    def test_puts_weights_back_after_an_error(self):
        model = convolutions()
        before = [array(weight).copy() for weight in model.weights]
        answers = iter([np.ones((2, 4))])

        def fails(model):
            return next(answers)

        with pytest.raises(StopIteration):
            randomization_test(model, fails)
        for weight, value in zip(model.weights, before, strict=True):
            np.testing.assert_array_equal(array(weight), value)

    @pytest.mark.one_backend
    def test_refuses(self):
        flat = keras.Sequential([keras.Input((4,)), keras.layers.Flatten()])
        with pytest.raises(ValueError) as error:
            randomization_test(flat, lambda model: np.ones((2, 4)))
        assert str(error.value) == (
            "`model` must have weights, and be built. Received: the model "
            f"{flat.name!r}, which has none"
        )
        with pytest.raises(ValueError) as error:
            randomization_test(convolutions(), lambda model: np.ones(4, int))
        assert str(error.value) == (
            "`attribute` must return a float array of shape (examples, …). Received: "
            "dtype=int64, shape=(4,)"
        )


def _each(*answers):
    """A function that returns one after the other."""
    answers = iter(answers)
    return lambda model: next(answers)
