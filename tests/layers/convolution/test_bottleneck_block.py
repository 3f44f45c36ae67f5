import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array
from torch_images import COUNTED, images_of, randomize, residual, to_format, trainable

from kdl.layers import BottleneckBlock


class TestBottleneckBlock(LayerContract):
    component = BottleneckBlock
    arguments = {
        "filters": 2,
        "strides": 2,
        "expansion": 3,
        "strides_first": True,
    }
    input_shape = (2, 6, 5, 4)
    is_composed = True
    refused = [
        (
            {"filters": 0},
            "`filters` must be an integer in [1, inf). Received: filters=0",
        ),
        (
            {"expansion": 0.5},
            "`expansion` must be an integer in [1, inf). Received: expansion=0.5",
        ),
    ]

    def wrap(self, layer):
        """Another follows, which keeps the shape and may be dropped."""
        inputs = keras.Input(self.input_shape[1:])
        options = {"rate": layer.rate, "seed": 1, "dtype": layer.dtype_policy}
        options["trainable"] = layer.trainable
        return keras.Model(
            inputs, BottleneckBlock(2, expansion=3, **options)(layer(inputs))
        )

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    @pytest.mark.parametrize("preactivation", [False, True])
    @pytest.mark.parametrize(("channels", "strides"), [(6, 1), (4, 1), (6, 2)])
    def test_is_that_of_torch_with_its_weights(
        self, channels, strides, preactivation, data_format
    ):
        options = {"preactivation": preactivation, "data_format": data_format}
        layer = BottleneckBlock(2, strides, 3, rate=0.5, **options)
        images, tensor = images_of(data_format, (2, channels, 6, 7))
        layer.build(images.shape)
        assert (layer.projection is None) == (channels == 6 and strides == 1)
        randomize(layer)
        orders, projected = (("CBR", "CBR", "CB"), "CB")
        if preactivation:
            orders, projected = (("BRC", "BRC", "BRC"), "C")
        desired = residual(layer, tensor, (1, strides, 1), orders, projected)
        desired = desired if preactivation else torch.relu(desired)
        desired = to_format(desired, data_format)
        actual = array(layer(images))
        np.testing.assert_allclose(actual, desired, rtol=1e-4, atol=1e-5)
        assert layer.compute_output_shape(images.shape) == actual.shape

    def test_first_convolution_may_have_the_strides(self):
        layer = BottleneckBlock(2, 2, 3, strides_first=True)
        images, tensor = images_of("channels_last", (2, 4, 6, 7))
        layer.build(images.shape)
        randomize(layer)
        desired = residual(layer, tensor, (2, 1, 1), ("CBR", "CBR", "CB"), "CB")
        desired = to_format(torch.relu(desired), "channels_last")
        np.testing.assert_allclose(array(layer(images)), desired, rtol=1e-4, atol=1e-5)

    def test_has_the_parameters_of_resnet_50(self):
        """PyTorch's documentation has 25,557,032 with the first and last layer."""
        total, channels = 0, 64
        for filters, strides, depth in (
            (64, 1, 3),
            (128, 2, 4),
            (256, 2, 6),
            (512, 2, 3),
        ):
            for block in range(depth):
                step = 1 if block else strides
                layer = BottleneckBlock(filters, step, **COUNTED)
                layer.build((None, None, None, channels))
                total, channels = total + trainable(layer), 4 * filters
        stem, dense = 3 * 64 * 7 * 7 + 2 * 64, 2048 * 1000 + 1000
        assert total == 25_557_032 - stem - dense
