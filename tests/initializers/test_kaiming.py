import keras
import numpy as np
import pytest
import torch
from contracts import RandomInitializerContract, array, assert_close

from kdl.initializers import Kaiming


def fans(shape):
    """As PyTorch counts them, which holds a kernel as (outputs, inputs, *sizes)."""
    *sizes, inputs, outputs = shape
    weight = torch.empty(outputs, inputs, *sizes)
    return torch.nn.init._calculate_fan_in_and_fan_out(weight)


class TestKaiming(RandomInitializerContract):
    component = Kaiming
    arguments = {
        "nonlinearity": "leaky_relu",
        "a": 0.2,
        "mode": "fan_out",
        "distribution": "uniform",
        "seed": 1,
        "input_axes": [0],
        "output_axes": [1],
    }
    variance = 2 / (1 + 0.2**2) / 300
    alternatives = {"input_axes": [0], "output_axes": [0]}
    refused = [
        (
            {"nonlinearity": "swish"},
            "`nonlinearity` must be one of 'linear', 'sigmoid', 'tanh', 'relu', "
            "'leaky_relu', 'selu'. Received: nonlinearity='swish'",
        ),
        (
            {"a": float("nan")},
            "`a` must be a number in (-inf, inf). Received: a=nan",
        ),
        (
            {"nonlinearity": "relu"},
            "`a` must be 0 unless the nonlinearity is 'leaky_relu'. "
            "Received: a=0.2, nonlinearity='relu'",
        ),
        (
            {"mode": "fan_avg"},
            "`mode` must be one of 'fan_in', 'fan_out'. Received: mode='fan_avg'",
        ),
        (
            {"distribution": "truncated_normal"},
            "`distribution` must be one of 'normal', 'uniform'. "
            "Received: distribution='truncated_normal'",
        ),
    ]

    @pytest.mark.parametrize(
        "nonlinearity", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"]
    )
    def test_gain_is_that_of_torch(self, nonlinearity):
        a = 0.3 if nonlinearity == "leaky_relu" else 0.0
        desired = torch.nn.init.calculate_gain(nonlinearity, a)
        assert Kaiming(nonlinearity, a).scale == pytest.approx(desired**2, rel=1e-15)

    @pytest.mark.parametrize("shape", [(400, 60), (3, 200, 40), (3, 5, 40, 40)])
    @pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
    def test_uniform_fills_the_range_of_torch(self, shape, mode):
        values = array(Kaiming("tanh", 0.0, mode, "uniform", seed=0)(shape))
        fan = fans(shape)[mode == "fan_out"]
        bound = torch.nn.init.calculate_gain("tanh") * (3 / fan) ** 0.5
        assert np.abs(values).max() < bound * (1 + 1e-6)
        # Of n values, the largest is within 10 / n of the bound but once in 20,000.
        assert np.abs(values).max() > bound * (1 - 10 / values.size)

    @pytest.mark.parametrize("shape", [(400, 60), (3, 5, 40, 40)])
    def test_normal_has_the_deviation_of_torch_and_no_cut(self, shape):
        values = array(Kaiming(seed=0)(shape))
        std = torch.nn.init.calculate_gain("relu") / fans(shape)[0] ** 0.5
        # The standard error of a normal deviation is std / sqrt(2 * n).
        assert abs(values.std() / std - 1) < 5 / (2 * values.size) ** 0.5
        # A share of 0.0455 lies outside two deviations, and none in `HeNormal`.
        share = (np.abs(values) > 2 * std).mean()
        assert abs(share - 0.0455) < 5 * (0.0455 / values.size) ** 0.5

    @pytest.mark.parametrize("distribution", ["normal", "uniform"])
    def test_has_the_deviation_that_torch_draws(self, distribution):
        torch.manual_seed(0)
        name = f"kaiming_{distribution}_"
        weight = getattr(torch.nn.init, name)(
            torch.empty(300, 400), a=0.3, mode="fan_out"
        )
        initializer = Kaiming("leaky_relu", 0.3, "fan_out", distribution, seed=0)
        ratio = array(initializer((400, 300))).std() / float(weight.std())
        # The standard error of each of two normal deviations is 1 / sqrt(2 * n).
        assert abs(ratio - 1) < 5 / 120_000**0.5

    def test_layers_of_torch_start_from_a_leaky_relu_of_root_five(self):
        torch.manual_seed(0)
        initializer = Kaiming("leaky_relu", a=5**0.5, distribution="uniform", seed=0)
        linear, conv = torch.nn.Linear(50, 400), torch.nn.Conv2d(20, 50, 3)
        for layer, shape in ((linear, (50, 400)), (conv, (3, 3, 20, 50))):
            theirs = float(layer.weight.detach().abs().max())
            ours = np.abs(array(initializer(shape))).max()
            bound = 1 / fans(shape)[0] ** 0.5
            # Of n values, the largest is within 10 / n of the bound.
            n = layer.weight.numel()
            assert bound * (1 - 10 / n) < min(ours, theirs)
            assert max(ours, theirs) < bound * (1 + 1e-6)

    def test_counts_the_inputs_of_an_einsum(self):
        layer = keras.layers.EinsumDense(
            "abc,cde->abde",
            (None, 20, 50),
            kernel_initializer=Kaiming("linear", distribution="uniform", seed=0),
        )
        layer.build((None, 7, 30))
        largest = np.abs(array(layer.kernel)).max()
        # The inputs are the 30 that are summed up; 30,000 values fill the range.
        assert 0.999 < largest / (3 / 30) ** 0.5 < 1 + 1e-6

    def test_enters_an_attention_that_reloads(self, tmp_path):
        inputs = keras.Input((3, 4))
        attention = keras.layers.MultiHeadAttention(
            2, 2, kernel_initializer=Kaiming("linear", seed=0)
        )
        model = keras.Model(inputs, attention(inputs, inputs))
        model.save(tmp_path / "model.keras")
        revived = keras.saving.load_model(tmp_path / "model.keras")
        assert_close(revived(np.ones((1, 3, 4))), model(np.ones((1, 3, 4))))
