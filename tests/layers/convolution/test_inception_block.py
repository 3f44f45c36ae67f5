import numpy as np
import pytest
import torch
from contracts import LayerContract, array
from torch_images import COUNTED, conv_block, images_of, randomize, to_format

from kdl.layers import InceptionBlock


class TestInceptionBlock(LayerContract):
    component = InceptionBlock
    arguments = {
        "filters": [3, 2, 4, 1, 2, 5],
    }
    input_shape = (2, 6, 5, 3)
    is_composed = True
    refused = [
        (
            {"filters": 64},
            "`filters` must be a sequence of six integers in [1, inf). Received: "
            "filters=64",
        ),
        (
            {"filters": (1, 2, 3, 4, 5)},
            "`filters` must be a sequence of six integers in [1, inf). Received: "
            "filters=(1, 2, 3, 4, 5)",
        ),
        (
            {"filters": (1, 2, 3, 4, 5, 0)},
            "`filters` must be an integer in [1, inf). Received: filters=0",
        ),
    ]

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    def test_is_that_of_torch_with_its_weights(self, data_format):
        layer = self.make(data_format=data_format)
        images, tensor = images_of(data_format, (2, 3, 6, 7))
        layer.build(images.shape)
        randomize(layer)
        pooled = torch.nn.functional.max_pool2d(tensor, 3, stride=1, padding=1)
        outputs = []
        for branch, source in zip(
            layer.branches, (tensor, tensor, tensor, pooled), strict=True
        ):
            for block in branch.layers:
                source = conv_block(block, source)
            outputs.append(source)
        desired = to_format(torch.cat(outputs, dim=1), data_format)
        actual = array(layer(images))
        np.testing.assert_allclose(actual, desired, rtol=1e-4, atol=1e-5)
        assert layer.compute_output_shape(images.shape) == actual.shape

    def test_has_the_parameters_of_googlenet(self):
        """Caffe's model of the paper has 6,998,552; its blocks 3a and 3b are as listed.

        The paper's table counts in units of 1024, and further down not as it lists.
        """
        counts, channels = [], 192
        for filters in (
            (64, 96, 128, 16, 32, 32),
            (128, 128, 192, 32, 96, 64),
            (192, 96, 208, 16, 48, 64),
            (160, 112, 224, 24, 64, 64),
            (128, 128, 256, 24, 64, 64),
            (112, 144, 288, 32, 64, 64),
            (256, 160, 320, 32, 128, 128),
            (256, 160, 320, 32, 128, 128),
            (384, 192, 384, 48, 128, 128),
        ):
            layer = InceptionBlock(filters, normalization=None, **COUNTED)
            layer.build((None, None, None, channels))
            counts.append(layer.count_params())
            channels = layer.compute_output_shape((None, None, None, channels))[-1]
        assert [round(count / 1024) for count in counts[:2]] == [160, 380]
        stem = (3 * 49 + 1) * 64 + (64 + 1) * 64 + (64 * 9 + 1) * 192
        assert channels == 1024
        assert sum(counts) + stem + 1025 * 1000 == 6_998_552
