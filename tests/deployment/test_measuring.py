import keras
import numpy as np
import pytest

from kdl.deployment.measuring import milliseconds, outputs_of, scores_of

pytestmark = pytest.mark.one_backend


def test_scores_are_those_of_the_model_without_penalties():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(70, 4)), rng.integers(0, 3, 70)
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, kernel_regularizer="l2")]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    outputs = outputs_of(lambda part: model.predict(part, verbose=0), x)
    assert outputs.shape == (70, 3)
    scores = scores_of(model, outputs, y)
    assert scores["accuracy"] == pytest.approx(np.mean(outputs.argmax(1) == y))
    logs = outputs - np.log(np.exp(outputs).sum(1, keepdims=True))
    assert scores["loss"] == pytest.approx(-logs[np.arange(70), y].mean(), rel=1e-5)
    assert scores_of(model, outputs, None) == {}
    assert scores_of(keras.Sequential([keras.Input((4,))]), outputs, y) == {}


def test_times_calls_after_some_that_warm_up():
    calls = []
    assert milliseconds(calls.append, 1, calls=5) >= 0
    assert len(calls) == 8
