import keras
import numpy as np
import pytest
import torch
from contracts import RandomInitializerContract, array

from kdl.initializers import Xavier


class TestXavier(RandomInitializerContract):
    component = Xavier
    arguments = {
        "gain": "tanh",
        "distribution": "normal",
        "seed": 1,
        "input_axes": [0],
        "output_axes": [1],
    }
    variance = 2 * (5 / 3) ** 2 / (400 + 300)
    alternatives = {"gain": [1.0], "input_axes": [0], "output_axes": [0]}
    refused = [
        ({"gain": 0}, "`gain` must be a number in (0, inf). Received: gain=0"),
        ({"gain": None}, "`gain` must be a number in (0, inf). Received: gain=None"),
        (
            {"gain": "swish"},
            "`gain` must be one of 'linear', 'sigmoid', 'tanh', 'relu', "
            "'leaky_relu', 'selu'. Received: gain='swish'",
        ),
        (
            {"distribution": "truncated_normal"},
            "`distribution` must be one of 'uniform', 'normal'. "
            "Received: distribution='truncated_normal'",
        ),
    ]

    @pytest.mark.parametrize(
        "name", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
    )
    def test_gain_is_that_of_torch(self, name):
        desired = torch.nn.init.calculate_gain(name)
        assert Xavier(name).scale == pytest.approx(desired**2, rel=1e-15)
        assert Xavier(desired).scale == pytest.approx(desired**2, rel=1e-15)

    @pytest.mark.parametrize("shape", [(400, 60), (3, 200, 40), (3, 5, 40, 20)])
    def test_uniform_fills_the_range_of_torch(self, shape):
        *sizes, inputs, outputs = shape
        torch.manual_seed(0)
        weight = torch.empty(outputs, inputs, *sizes)
        theirs = float(torch.nn.init.xavier_uniform_(weight, gain=1.5).abs().max())
        ours = np.abs(array(Xavier(1.5, seed=0)(shape))).max()
        # Of n values, the largest is within 10 / n of the bound but once in 20,000.
        assert abs(ours / theirs - 1) < 10 / weight.numel()

    @pytest.mark.parametrize("shape", [(400, 60), (3, 5, 40, 20)])
    def test_normal_has_the_deviation_of_torch(self, shape):
        *sizes, inputs, outputs = shape
        torch.manual_seed(0)
        weight = torch.empty(outputs, inputs, *sizes)
        theirs = float(torch.nn.init.xavier_normal_(weight, gain=1.5).std())
        ours = array(Xavier(1.5, "normal", seed=0)(shape)).std()
        # The standard error of each of two normal deviations is 1 / sqrt(2 * n).
        assert abs(ours / theirs - 1) < 5 / weight.numel() ** 0.5

    def test_unit_gain_has_the_range_of_keras(self):
        ours = np.abs(array(Xavier(seed=0)((400, 60)))).max()
        theirs = np.abs(array(keras.initializers.GlorotUniform(1)((400, 60)))).max()
        assert abs(ours / theirs - 1) < 10 / 24_000

    def test_counts_the_inputs_of_an_einsum(self):
        layer = keras.layers.EinsumDense(
            "abc,cde->abde", (None, 20, 50), kernel_initializer=Xavier(seed=0)
        )
        layer.build((None, 7, 30))
        bound = (6 / (30 + 1000)) ** 0.5
        # 30,000 values fill the range.
        assert 0.999 < np.abs(array(layer.kernel)).max() / bound < 1 + 1e-6
