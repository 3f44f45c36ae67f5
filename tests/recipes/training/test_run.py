import keras
import keras_tuner
import numpy as np
import pytest

from kdl.recipes import run


class Line(keras_tuner.HyperModel):
    """Counts how often it was built and fitted."""

    def build(self, hp):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(hp.Float("rate", 0.0, 1.0, default=0.5)))
        model.compile(model.optimizer, "mse")
        return model


class TestRun:
    def rate(self, **kwargs):
        x = np.ones((4, 1))
        model, history = run(Line(name="line"), x, x, verbose=0, **kwargs)
        assert len(history.epoch) == 1
        return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))

    def test_uses_the_defaults(self):
        assert self.rate() == 0.5

    def test_uses_given_values(self):
        hp = keras_tuner.HyperParameters()
        hp.Float("rate", 0.0, 1.0, default=0.25)
        assert self.rate(hp=hp) == self.rate(hp={"rate": 0.25}) == 0.25

    def test_refuses_values_out_of_range(self):
        with pytest.raises(ValueError) as error:
            self.rate(hp={"rate": 2.0})
        assert str(error.value) == (
            "`rate` must be a number in [0.0, 1.0]. Received: rate=2.0"
        )
