import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close
from torch_images import COUNTED, images_of, randomize, residual, to_format, trainable

from kdl.layers import Clock, ResidualBlock
from kdl.schedules import Adjustable
from kdl.schedules.number import find_numbers

FORMATS = ["channels_first", "channels_last"]


class TestResidualBlock(LayerContract):
    component = ResidualBlock
    arguments = {
        "filters": 3,
        "strides": 2,
        "preactivation": True,
        "rate": 0.25,
        "mode": "batch",
        "seed": 1,
    }
    input_shape = (2, 6, 5, 3)
    is_composed = True
    refused = [
        (
            {"filters": 0},
            "`filters` must be an integer in [1, inf). Received: filters=0",
        ),
        (
            {"rate": 1},
            "`rate` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: rate=1",
        ),
        (
            {"mode": "example"},
            "`mode` must be one of 'batch', 'row'. Received: mode='example'",
        ),
        (
            {"preactivation": 1},
            "`preactivation` must be one of True, False. Received: preactivation=1",
        ),
    ]

    def wrap(self, layer):
        """Another follows, which keeps the shape and may be dropped."""
        inputs = keras.Input(self.input_shape[1:])
        options = {"rate": layer.rate, "seed": 1, "dtype": layer.dtype_policy}
        options["trainable"] = layer.trainable
        return keras.Model(inputs, ResidualBlock(3, **options)(layer(inputs)))

    @pytest.mark.parametrize("data_format", FORMATS)
    @pytest.mark.parametrize("preactivation", [False, True])
    @pytest.mark.parametrize(("filters", "strides"), [(3, 1), (4, 1), (3, 2)])
    def test_is_that_of_torch_with_its_weights(
        self, filters, strides, preactivation, data_format
    ):
        options = {"preactivation": preactivation, "data_format": data_format}
        layer = ResidualBlock(filters, strides, rate=0.5, **options)
        images, tensor = images_of(data_format, (2, 3, 6, 7))
        layer.build(images.shape)
        randomize(layer)
        orders, projected = (("CBR", "CB"), "CB")
        if preactivation:
            orders, projected = (("BRC", "BRC"), "C")
        desired = residual(layer, tensor, (strides, 1), orders, projected)
        desired = desired if preactivation else torch.relu(desired)
        desired = to_format(desired, data_format)
        actual = array(layer(images))
        np.testing.assert_allclose(actual, desired, rtol=1e-4, atol=1e-5)
        assert layer.compute_output_shape(images.shape) == actual.shape

    def test_has_the_parameters_of_resnet_18(self):
        """PyTorch's documentation has 11,689,512 with the first and last layer."""
        total, channels = 0, 64
        for filters, strides in ((64, 1), (128, 2), (256, 2), (512, 2)):
            for step in (strides, 1):
                layer = ResidualBlock(filters, step, **COUNTED)
                layer.build((None, None, None, channels))
                total += trainable(layer)
                channels = filters
        stem, dense = 3 * 64 * 7 * 7 + 2 * 64, 512 * 1000 + 1000
        assert total == 11_689_512 - stem - dense

    def test_is_dropped_as_often_as_its_rate_says(self):
        layer = ResidualBlock(
            2, rate=0.3, mode="row", seed=0, preactivation=True, normalization=None
        )
        images = np.ones((400, 1, 1, 2), "float32")
        layer.build(images.shape)
        randomize(layer)
        outputs = array(layer(images, training=True))
        dropped = (outputs == 1).all(axis=(1, 2, 3))
        error = np.sqrt(0.3 * 0.7 / len(dropped))
        assert abs(dropped.mean() - 0.3) < 5 * error
        # Those kept are scaled up: on average, it is what inference returns.
        kept, whole = outputs[~dropped] - 1, array(layer(images[:1])) - 1
        assert_close(kept, np.broadcast_to(whole / 0.7, kept.shape))

    def test_is_not_dropped_where_the_shape_changes(self):
        layer = ResidualBlock(4, rate=0.999, normalization=None)
        images = np.random.default_rng(0).normal(size=(8, 5, 5, 3))
        assert_close(layer(images, training=True), layer(images))

    @pytest.mark.parametrize("mode", ["batch", "row"])
    def test_rate_follows_a_schedule(self, mode):
        """From none to almost one, at which nothing is added."""
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.0, 0.999999])
        block = ResidualBlock(3, rate=rate, mode=mode, preactivation=True)
        model = keras.Sequential([keras.Input((5, 5, 3)), Clock(), block])
        model.compile(keras.optimizers.SGD(0.0), "mse")
        images = np.random.default_rng(0).normal(size=(4, 5, 5, 3)).astype("float32")
        losses = [float(model.train_on_batch(images, images)) for _ in range(2)]
        assert losses[0] > 1e-6 and losses[1] == 0

    def test_has_one_rate_to_adjust(self):
        block = ResidualBlock(3, rate=Adjustable(0.5))
        model = keras.Sequential([keras.Input((5, 5, 3)), Clock(), block])
        model.compile("sgd", "mse")
        assert list(find_numbers(model)) == [f"{block.name}/rate"]
