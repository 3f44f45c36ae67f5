"""Hypermodels of KerasTuner as recipes."""

import keras
import keras_tuner
import numpy as np
import pytest
from keras_tuner.errors import FatalValueError

from kdl.recipes import hyperparameters, run
from kdl.recipes.own.adapter import Adapter

pytestmark = pytest.mark.one_backend
OBJECTIVE = keras_tuner.Objective("val_accuracy", "max")


def build(hp):
    units = hp.Int("units", 2, 8, default=4)
    with hp.conditional_scope("units", [2]):
        hp.Boolean("extra")
    layers = [keras.layers.Flatten(), keras.layers.Dense(units), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


class Net(keras_tuner.HyperModel):
    results = None

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, x, y, validation_data, seed, epochs, **kwargs):
        self.given = {"seed": seed, "epochs": epochs, **kwargs}
        return self.results


def adapter(hypermodel=build, objective=OBJECTIVE):
    return Adapter(hypermodel, "digits", objective, "net", seed=1)


def test_a_function_is_fitted_as_keras_does():
    recipe = adapter()
    data = recipe.data()
    model, history = run(recipe, **data, epochs=2, seed=5, verbose=0)
    # Nothing is added: neither a schedule, nor a batch size, nor early stopping.
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    steps = -(-len(data["y"]) // 32)
    assert int(model.optimizer.iterations) == 2 * steps
    assert history.epoch == [0, 1]
    scores = recipe.evaluate(model)
    x, y = recipe.splits.test
    right = np.mean(model.predict(x, verbose=0).argmax(-1) == y)
    assert scores["accuracy"] == pytest.approx(right, abs=1e-6)


def test_its_space_is_that_of_the_model_and_built_once():
    calls = []

    def counted(hp):
        calls.append(hp)
        return build(hp)

    recipe = adapter(counted)
    for _ in range(3):
        hp = hyperparameters(recipe, {"units": 3})
    assert [parameter.name for parameter in hp.space] == ["units", "extra"]
    assert hp.values == {"units": 3} and len(calls) == 1


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (0.5, {"val_accuracy": [0.5]}),
        ({"val_accuracy": 0.5, "n": 1}, {"val_accuracy": [0.5], "n": [1.0]}),
        ([{"val_accuracy": 0.5}, {"val_accuracy": 1.0}], {"val_accuracy": [0.75]}),
    ],
)
def test_what_a_fit_of_its_own_may_return_becomes_a_history(results, expected):
    net = Net()
    net.results = results
    recipe = adapter(net)
    _, history = run(recipe, **recipe.data(), epochs=3, seed=7, verbose=0)
    assert (history.history, history.epoch) == (expected, [0])
    assert net.given == {"seed": 7, "epochs": 3, "verbose": 0}
    assert recipe.fits_by_itself and not adapter().fits_by_itself


def test_an_objective_that_is_not_reported_ends_a_search():
    net = Net()
    for results, reported in (({"loss": 1.0}, "loss"), (None, "nothing")):
        net.results = results
        recipe = adapter(net)
        with pytest.raises(FatalValueError) as error:
            run(recipe, **recipe.data())
        assert str(error.value) == (
            "The objective is 'val_accuracy', which the fit did not report. It "
            f"reported: {reported}."
        )
