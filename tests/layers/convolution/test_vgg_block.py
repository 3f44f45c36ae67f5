import pytest
import torch
from contracts import LayerContract, array, assert_close
from torch_images import COUNTED, conv_block, images_of, randomize, to_format

from kdl.layers import VGGBlock


class TestVGGBlock(LayerContract):
    component = VGGBlock
    arguments = {
        "filters": 4,
        "depth": 3,
        "order": "BRC",
    }
    input_shape = (2, 8, 7, 3)
    is_composed = True
    refused = [
        (
            {"filters": 0},
            "`filters` must be an integer in [1, inf). Received: filters=0",
        ),
        ({"depth": 0}, "`depth` must be an integer in [1, inf). Received: depth=0"),
    ]

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    def test_is_that_of_torch_with_its_weights(self, data_format):
        layer = self.make(data_format=data_format)
        images, tensor = images_of(data_format, (2, 3, 6, 7))
        layer.build(images.shape)
        randomize(layer)
        for block in layer.convolutions.layers:
            tensor = conv_block(block, tensor, "BRC")
        tensor = torch.nn.functional.max_pool2d(tensor, 2, ceil_mode=True)
        actual = array(layer(images))
        assert_close(actual, to_format(tensor, data_format))
        assert layer.compute_output_shape(images.shape) == actual.shape

    def test_has_the_parameters_of_vgg_16(self):
        """Those of Keras's and PyTorch's network without its three dense layers."""
        channels, total = 3, 0
        for filters, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            layer = VGGBlock(filters, depth, normalization=None, **COUNTED)
            layer.build((None, None, None, channels))
            channels, total = filters, total + layer.count_params()
        dense = 25089 * 4096 + 4097 * 4096 + 4097 * 1000
        assert total == 138_357_544 - dense
