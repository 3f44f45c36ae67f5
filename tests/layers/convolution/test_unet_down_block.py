import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array
from torch_images import conv_block, images_of, randomize, to_format

from kdl.layers import UNetDownBlock


class TestUNetDownBlock(LayerContract):
    component = UNetDownBlock
    arguments = {
        "filters": 4,
        "depth": 1,
        "order": "CRB",
    }
    input_shape = (2, 5, 6, 3)
    is_composed = True
    refused = [
        (
            {"filters": 0},
            "`filters` must be an integer in [1, inf). Received: filters=0",
        ),
        ({"depth": 0}, "`depth` must be an integer in [1, inf). Received: depth=0"),
    ]

    def wrap(self, layer):
        inputs = keras.Input(self.input_shape[1:])
        pooled, skip = layer(inputs)
        return keras.Model(inputs, keras.ops.mean(pooled, (1, 2), keepdims=True) + skip)

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    def test_is_that_of_torch_with_its_weights(self, data_format):
        layer = self.make(depth=2, data_format=data_format)
        images, tensor = images_of(data_format, (2, 3, 6, 7))
        layer.build(images.shape)
        randomize(layer)
        for block in layer.convolutions.layers:
            tensor = conv_block(block, tensor, "CRB")
        pooled = torch.nn.functional.max_pool2d(tensor, 2, ceil_mode=True)
        outputs = [array(tensor) for tensor in layer(images)]
        for actual, desired in zip(outputs, (pooled, tensor), strict=True):
            desired = to_format(desired, data_format)
            # Sums round by the size of what is added, not by what is left of it.
            atol = 1e-6 * np.abs(desired).max()
            np.testing.assert_allclose(actual, desired, rtol=1e-5, atol=atol)
        shapes = layer.compute_output_shape(images.shape)
        assert shapes == tuple(tensor.shape for tensor in outputs)
