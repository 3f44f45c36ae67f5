import keras
import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.special import log_softmax, softmax

from kdl.evaluation import calibrated, fit_scaling

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)).astype("float32")
Y = RNG.integers(0, 3, 300)
LOGITS = 4 * RNG.normal(size=(300, 3)) + 3 * np.eye(3)[Y]


def nll(logits, y=Y):
    return -log_softmax(logits, 1)[np.arange(len(y)), y].mean()


@pytest.mark.one_backend
class TestTemperature:
    def test_is_where_the_derivative_is_zero(self):
        """There, the mean logit is as expected by the probabilities."""

        def slope(factor):
            p = softmax(factor * LOGITS, 1)
            return ((p * LOGITS).sum(1) - LOGITS[np.arange(300), Y]).mean()

        desired = 1 / brentq(slope, 1e-3, 1e3, xtol=1e-12)
        found = fit_scaling(LOGITS, Y)
        assert found.temperature == pytest.approx(desired, rel=1e-6)
        assert nll(LOGITS / found.temperature) < nll(LOGITS)
        p = found.probabilities(LOGITS)
        np.testing.assert_allclose(p, softmax(LOGITS / desired, 1), rtol=1e-5)
        np.testing.assert_array_equal(p.argmax(1), LOGITS.argmax(1))

    def test_that_was_planted_is_found(self):
        z = RNG.normal(size=(20_000, 4)) * 2
        y = (RNG.uniform(size=(20_000, 1)) > np.cumsum(softmax(z, 1), 1)).sum(1)
        # The information of a factor is the mean variance of the logits by p.
        p = softmax(z, 1)
        variance = ((p * z**2).sum(1) - (p * z).sum(1) ** 2).mean()
        standard_error = 1 / np.sqrt(20_000 * variance)
        found = fit_scaling(5 * z, y).temperature
        assert abs(5 / found - 1) < 4 * standard_error

    def test_does_not_depend_on_the_scale_of_logits(self):
        one, other = (fit_scaling(LOGITS * c, Y).temperature for c in (1e-4, 1e4))
        assert other / one == pytest.approx(1e8, rel=1e-5)

    def test_of_probabilities_is_that_of_their_logarithms(self):
        found = fit_scaling(softmax(LOGITS, 1), Y, from_logits=False)
        desired = fit_scaling(LOGITS, Y)
        assert found.temperature == pytest.approx(desired.temperature, rel=1e-6)
        np.testing.assert_allclose(
            found.probabilities(softmax(LOGITS, 1), from_logits=False),
            desired.probabilities(LOGITS),
            rtol=1e-5,
        )


@pytest.mark.one_backend
def test_vector_is_the_most_likely_of_a_standard_normal_prior():
    def loss(values):
        change = values - np.repeat([1, 0], 3)
        return nll(values[:3] * LOGITS + values[3:]) + (change**2).sum() / 600

    desired = minimize(loss, np.ones(6), method="Powell", options={"ftol": 1e-14}).x
    found = fit_scaling(LOGITS, Y, "vector")
    np.testing.assert_allclose([*found.scale, *found.offset], desired, atol=1e-3)
    assert loss(np.concatenate([found.scale, found.offset])) <= loss(desired) + 1e-9
    assert found.temperature is None


@pytest.mark.one_backend
def test_vector_stays_finite_where_a_class_is_missing():
    found = fit_scaling(LOGITS[Y < 2], Y[Y < 2], "vector")
    assert np.isfinite([*found.scale, *found.offset]).all()
    assert found.offset[2] < -1


def classifier(activation=None):
    inputs = keras.Input((4,), name="x")
    outputs = keras.layers.Dense(3, activation)(inputs)
    model = keras.Model(inputs, outputs, name="net")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=activation is None)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


class TestCalibrated:
    @pytest.mark.parametrize("method", ["temperature", "vector"])
    def test_has_the_scaling_built_in_and_is_saved(self, method, tmp_path):
        model = classifier()
        logits = model.predict(X, verbose=0)
        y = np.where(RNG.uniform(size=300) < 0.7, logits.argmax(1), Y)
        scaling = fit_scaling(logits, y, method)
        found = calibrated(model, scaling)
        found.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
        desired = scaling.scale * logits + scaling.offset
        for one in (found, loaded):
            outputs = one.predict(X, verbose=0)
            np.testing.assert_allclose(outputs, desired, rtol=1e-4, atol=1e-4)
        scores = loaded.evaluate(X, y, verbose=0, return_dict=True)
        assert scores["loss"] == pytest.approx(nll(desired, y), rel=1e-4)
        accuracy = np.mean(desired.argmax(1) == y)
        assert scores["accuracy"] == pytest.approx(accuracy, abs=0.005)
        np.testing.assert_array_equal(model.predict(X, verbose=0), logits)

    @pytest.mark.one_backend
    def test_returns_probabilities_if_the_model_does(self):
        model = classifier("softmax")
        p = model.predict(X, verbose=0)
        y = np.where(RNG.uniform(size=300) < 0.7, p.argmax(1), Y)
        scaling = fit_scaling(p, y, from_logits=False)
        found = calibrated(model, scaling, from_logits=False).predict(X, verbose=0)
        np.testing.assert_allclose(
            found, scaling.probabilities(p, from_logits=False), rtol=1e-4
        )

    @pytest.mark.one_backend
    def test_refuses_a_model_of_other_classes(self):
        scaling = fit_scaling(LOGITS[:, :2], np.minimum(Y, 1))
        with pytest.raises(ValueError) as error:
            calibrated(classifier(), scaling)
        assert str(error.value) == (
            "`model` must return scores of shape (batch, 2), as `scaling` has 2 "
            "classes. Received: (None, 3)"
        )


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"method": "matrix"},
            "`method` must be one of 'temperature', 'vector'. Received: "
            "method='matrix'",
        ),
        (
            {"scores": LOGITS[:, 0]},
            "`scores` must be finite numbers of shape (examples, classes). Received: "
            "shape=(300,)",
        ),
        ({"y": Y + 1}, "`y` must be 300 integers in [0, 3). Received: 3"),
        (
            {"from_logits": 1},
            "`from_logits` must be one of True, False. Received: from_logits=1",
        ),
        (
            {"scores": np.eye(3)[Y]},
            "`y` must have an example that `scores` get wrong, or no temperature is "
            "low enough. Received: none",
        ),
        (
            {"scores": -np.eye(3)[Y]},
            "`scores` must favour the classes of `y`, or no temperature is high "
            "enough. Received: scores that are no better than chance",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        fit_scaling(**{"scores": LOGITS, "y": Y, **arguments})
    assert str(error.value) == message
