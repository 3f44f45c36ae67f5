import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close
from torch_images import COUNTED, conv_block, images_of, randomize, to_format, trainable

from kdl.layers import InvertedResidualBlock

FORMATS = ["channels_first", "channels_last"]


class TestInvertedResidualBlock(LayerContract):
    component = InvertedResidualBlock
    arguments = {
        "filters": 4,
        "kernel_size": 5,
        "strides": 2,
        "expansion": 3,
        "squeeze_ratio": 0.5,
        "rate": 0.25,
        "mode": "batch",
        "seed": 1,
        "activation": keras.activations.tanh,
    }
    input_shape = (2, 6, 5, 4)
    is_composed = True
    refused = [
        (
            {"filters": 0},
            "`filters` must be an integer in [1, inf). Received: filters=0",
        ),
        (
            {"expansion": 0},
            "`expansion` must be an integer in [1, inf). Received: expansion=0",
        ),
        (
            {"squeeze_ratio": 0},
            "`squeeze_ratio` must be a number in (0, 1]. Received: squeeze_ratio=0",
        ),
        (
            {"rate": -0.1},
            "`rate` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: rate=-0.1",
        ),
    ]

    def wrap(self, layer):
        """Another follows, which keeps the shape and may be dropped."""
        inputs = keras.Input(self.input_shape[1:])
        options = {"rate": layer.rate, "seed": 1, "dtype": layer.dtype_policy}
        options["trainable"] = layer.trainable
        return keras.Model(inputs, InvertedResidualBlock(4, **options)(layer(inputs)))

    def test_config_holds_every_argument(self):
        config = self.make().get_config()
        for name, value in {**self.arguments, "activation": "tanh"}.items():
            assert config[name] == value, name

    @pytest.mark.parametrize("data_format", FORMATS)
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"filters": 4, "rate": 0.5},
            {"strides": 2, "kernel_size": 5},
            {"filters": 4, "expansion": 1},
            {"squeeze_ratio": None, "activation": "relu6"},
        ],
        ids=str,
    )
    def test_is_that_of_torch_with_its_weights(self, options, data_format):
        options = {"filters": 6, "expansion": 2, **options}
        layer = InvertedResidualBlock(**options, data_format=data_format)
        images, tensor = images_of(data_format, (2, 4, 6, 7))
        layer.build(images.shape)
        randomize(layer)
        activation = torch.nn.functional.silu
        if "activation" in options:
            activation = torch.nn.functional.relu6
        parts = iter(getattr(layer.branch, "branch", layer.branch).layers)
        desired = tensor
        if options["expansion"] > 1:
            desired = conv_block(next(parts), desired, activation=activation)
        strides = options.get("strides", 1)
        desired = conv_block(next(parts), desired, "CBR", strides, activation)
        if "squeeze_ratio" not in options:
            w1, b1, w2, b2 = (torch.tensor(array(w)) for w in next(parts).weights)
            scale = activation(desired.mean(dim=(2, 3)) @ w1 + b1) @ w2 + b2
            desired = desired * torch.sigmoid(scale)[:, :, None, None]
        desired = conv_block(next(parts), desired, "CB")
        assert next(parts, None) is None
        if options["filters"] == 4:
            desired = desired + tensor
        desired = to_format(desired, data_format)
        actual = array(layer(images))
        np.testing.assert_allclose(actual, desired, rtol=1e-4, atol=1e-5)
        assert layer.compute_output_shape(images.shape) == actual.shape

    def test_has_the_parameters_of_efficientnet_b0(self):
        """PyTorch's documentation has 5,288,548 with the first and last layers."""
        total, channels = 0, 32
        for expansion, filters, depth, strides, size in (
            (1, 16, 1, 1, 3),
            (6, 24, 2, 2, 3),
            (6, 40, 2, 2, 5),
            (6, 80, 3, 2, 3),
            (6, 112, 3, 1, 5),
            (6, 192, 4, 2, 5),
            (6, 320, 1, 1, 3),
        ):
            for block in range(depth):
                step = 1 if block else strides
                layer = InvertedResidualBlock(filters, size, step, expansion, **COUNTED)
                layer.build((None, None, None, channels))
                total, channels = total + trainable(layer), filters
        stem, head = 3 * 32 * 9 + 2 * 32, 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000
        assert total + stem + head == 5_288_548

    def test_is_dropped_where_there_is_a_shortcut(self):
        images = np.random.default_rng(0).normal(size=(64, 3, 3, 4))
        options = {"rate": 0.5, "mode": "row", "normalization": None}
        layer = InvertedResidualBlock(4, **options)
        outputs = array(layer(images, training=True))
        dropped = (outputs == images.astype("float32")).all(axis=(1, 2, 3))
        assert abs(dropped.mean() - 0.5) < 5 * np.sqrt(0.25 / 64)
        layer = InvertedResidualBlock(5, **options)
        assert_close(layer(images, training=True), layer(images))
