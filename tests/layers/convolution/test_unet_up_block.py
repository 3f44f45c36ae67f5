import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, normal
from torch_images import COUNTED, conv_block, images_of, randomize, to_format

from kdl.layers import ConvBlock, UNetDownBlock, UNetUpBlock

FORMATS = ["channels_first", "channels_last"]


class TestUNetUpBlock(LayerContract):
    component = UNetUpBlock
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
        below = keras.layers.AveragePooling2D(2, padding="same")(inputs)
        return keras.Model(inputs, layer([below, inputs]))

    @pytest.mark.parametrize("data_format", FORMATS)
    def test_is_that_of_torch_with_its_weights(self, data_format):
        layer = self.make(depth=2, data_format=data_format)
        below, below_tensor = images_of(data_format, (2, 5, 3, 4))
        skip, skip_tensor = images_of(data_format, (2, 3, 6, 7))
        layer.build([below.shape, skip.shape])
        randomize(layer)
        kernel, bias = (torch.tensor(array(w)) for w in layer.enlargement.weights)
        # Height, width, outputs, inputs.
        enlarged = torch.nn.functional.conv_transpose2d(
            below_tensor, kernel.permute(3, 2, 0, 1), bias, stride=2
        )
        desired = torch.cat([skip_tensor, enlarged[:, :, :6, :7]], dim=1)
        for block in layer.convolutions.layers:
            desired = conv_block(block, desired, "CRB")
        actual = array(layer([below, skip]))
        desired = to_format(desired, data_format)
        np.testing.assert_allclose(actual, desired, rtol=1e-4, atol=1e-5)
        shape = layer.compute_output_shape([below.shape, skip.shape])
        assert shape == actual.shape

    @pytest.mark.parametrize("data_format", FORMATS)
    def test_u_net_takes_images_of_any_size(self, data_format):
        options = {"data_format": data_format}
        shape = (3, None, None) if data_format == "channels_first" else (None, None, 3)
        x = inputs = keras.Input(shape)
        x, first = UNetDownBlock(2, **options)(x)
        x, second = UNetDownBlock(4, **options)(x)
        x = ConvBlock(8, **options)(x)
        x = UNetUpBlock(4, **options)([x, second])
        x = UNetUpBlock(2, **options)([x, first])
        model = keras.Model(inputs, x)
        for size in ((8, 8), (5, 6), (7, 1)):
            images, _ = images_of(data_format, (2, 3, *size))
            shape = to_format(np.zeros((2, 2, *size)), data_format).shape
            assert model.predict(images, verbose=0).shape == shape

    def test_has_the_parameters_of_u_net(self):
        """Those of its figure 1, without the last convolution, of 1 by 1."""
        options = {"normalization": None, **COUNTED}
        total, desired, channels = 0, 0, 1
        for filters in (64, 128, 256, 512):
            block = UNetDownBlock(filters, **options)
            block.build((None, None, None, channels))
            total += block.count_params()
            desired += (9 * channels + 1 + 9 * filters + 1) * filters
            channels = filters
        bridge = ConvBlock(1024, order="CRCR", **options)
        bridge.build((None, None, None, 512))
        total, channels = total + bridge.count_params(), 1024
        desired += (9 * 512 + 1 + 9 * 1024 + 1) * 1024
        for filters in (512, 256, 128, 64):
            block = UNetUpBlock(filters, **options)
            sizes = (None, None, None)
            block.build([(*sizes, channels), (*sizes, filters)])
            total += block.count_params()
            # Twice as many channels are enlarged, and joined with as many.
            desired += (4 * 2 * filters + 1 + 9 * 2 * filters + 1) * filters
            desired += (9 * filters + 1) * filters
            channels = filters
        assert total == desired

    def test_refuses_sizes_that_do_not_match(self):
        layer = self.make(name="up", data_format="channels_last")
        message = (
            "The layer 'up', a UNetUpBlock, joins images of half the height and "
            "width, rounded up, with those of an UNetDownBlock. Received: 3 beside 7"
        )
        for inputs in (
            [keras.Input((3, 3, 4)), keras.Input((7, 5, 2))],
            [normal((1, 3, 3, 4)), normal((1, 7, 5, 2))],
        ):
            with pytest.raises(ValueError) as error:
                layer(inputs)
            assert str(error.value) == message
