import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close
from scipy.special import expit

from kdl.layers import Clock, Standout
from kdl.schedules import Warmup


class TestStandout(LayerContract):
    component = Standout
    arguments = {"units": 3, "alpha": 0.5, "beta": -0.25, "seed": 7}
    input_shape = (2, 4)
    refused = [
        (
            {"alpha": "1"},
            "`alpha` must be a number in (-inf, inf) or a LearningRateSchedule. "
            "Received: alpha='1'",
        ),
        (
            {"beta": float("nan")},
            "`beta` must be a number in (-inf, inf) or a LearningRateSchedule. "
            "Received: beta=nan",
        ),
    ]

    def reference(self, layer, inputs, alpha=0.5, beta=-0.25):
        """What is kept, and with which probability, by a loop over units."""
        kernel, bias = array(layer.kernel), array(layer.bias)
        outputs, keep = np.zeros((2, len(inputs), kernel.shape[1]))
        for row, x in enumerate(inputs):
            for unit in range(kernel.shape[1]):
                z = bias[unit] + sum(x * kernel[:, unit])
                outputs[row, unit] = np.tanh(z)
                keep[row, unit] = expit(alpha * z + beta)
        return outputs, keep

    def layer_and_inputs(self, examples, **arguments):
        layer = self.make(activation="tanh", bias_initializer="ones", **arguments)
        rng = np.random.default_rng(0)
        return layer, rng.normal(size=(examples, 4)).astype("float32")

    def test_inference_is_the_expectation(self):
        layer, inputs = self.layer_and_inputs(5)
        outputs = layer(inputs)
        whole, keep = self.reference(layer, inputs)
        assert_close(outputs, whole * keep)

    def test_keeps_units_by_their_probability(self):
        layer, inputs = self.layer_and_inputs(2)
        repeats = 4000
        outputs = array(layer(np.repeat(inputs, repeats, axis=0), training=True))
        whole, keep = self.reference(layer, inputs)
        outputs = outputs.reshape(2, repeats, 3)
        kept = outputs != 0
        assert_close(outputs, np.where(kept, whole[:, None], 0))
        # Five standard errors of a share.
        error = np.sqrt(keep * (1 - keep) / repeats)
        assert (abs(kept.mean(axis=1) - keep) < 5 * error).all()

    def test_without_alpha_it_drops_all_alike(self):
        layer, inputs = self.layer_and_inputs(3000, alpha=0.0, beta=1.0)
        kept = array(layer(inputs, training=True)) != 0
        assert abs(kept.mean() - expit(1)) < 5 * np.sqrt(0.25 / kept.size)

    def test_no_gradient_passes_through_the_probability(self):
        layer, inputs = self.layer_and_inputs(64, alpha=0.0, beta=50.0)
        driven, _ = self.layer_and_inputs(64, alpha=50.0, beta=1e4)
        kernels = []
        for part in (layer, driven):
            model = keras.Sequential([keras.Input((4,)), part])
            part.kernel.assign(np.full((4, 3), 0.1))
            model.compile("sgd", "mse")
            model.fit(inputs, np.zeros((64, 3)), batch_size=64, verbose=0)
            kernels.append(array(part.kernel))
        assert_close(*kernels)

    def test_seed_decides(self):
        draws = []
        for seed in (1, 1, 2):
            layer, inputs = self.layer_and_inputs(64, alpha=0.0, seed=seed)
            draws.append(array(layer(inputs, training=True)) != 0)
        np.testing.assert_array_equal(draws[0], draws[1])
        assert (draws[0] != draws[2]).any()

    @pytest.mark.parametrize("name", ["alpha", "beta"])
    def test_numbers_may_follow_a_schedule(self, name):
        layer, inputs = self.layer_and_inputs(8, **{name: Warmup(1.0, 4)})
        model = keras.Sequential([keras.Input((4,)), Clock(), layer])
        model.compile("sgd", "mse")
        model.fit(inputs, np.zeros((8, 3)), batch_size=4, verbose=0)
