import numpy as np
import pytest
import torch
from contracts import array, called
from image_models import SHAPE, ImageModelContract, WithOrder, refusal
from torch_images import conv_block, images_of, randomize

from kdl.models import unet


class TestUNet(WithOrder, ImageModelContract):
    family = staticmethod(unet)
    small = {"filters": (4, 6), "depth": 1}
    stride = 1
    is_of_pixels = True
    least = 2

    @pytest.mark.one_backend
    def test_has_two_levels_or_more(self):
        assert refusal(unet, SHAPE, 3, (4,)) == (
            "`filters` must be of two levels or more. Received: filters=(4,)"
        )

    @torch.no_grad()
    def test_is_that_of_torch_with_its_weights(self):
        model = unet((None, None, 2), 3, filters=(4, 6, 8))
        randomize(model)
        images, x = images_of("channels_last", (2, 2, 11, 10))
        kept = []
        for level in (1, 2):
            for block in model.get_layer(f"down_{level}").convolutions.layers:
                x = conv_block(block, x)
            kept.append(x)
            x = torch.nn.functional.max_pool2d(x, 2, ceil_mode=True)
        for place in (1, 2):
            x = conv_block(model.get_layer(f"lowest_{place}"), x)
        for level in (2, 1):
            up, skip = model.get_layer(f"up_{level}"), kept[level - 1]
            kernel, bias = (torch.tensor(array(w)) for w in up.enlargement.weights)
            # Height, width, outputs, inputs.
            kernel = kernel.permute(3, 2, 0, 1)
            x = torch.nn.functional.conv_transpose2d(x, kernel, bias, stride=2)
            height, width = skip.shape[2:]
            x = torch.cat([skip, x[:, :, :height, :width]], dim=1)
            for block in up.convolutions.layers:
                x = conv_block(block, x)
        kernel, bias = (
            torch.tensor(array(w)) for w in model.get_layer("logits").weights
        )
        desired = torch.nn.functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias)
        actual = np.moveaxis(array(called(model, images)), 3, 1)
        desired = desired.numpy()
        np.testing.assert_allclose(actual, desired, atol=1e-5 * np.abs(desired).max())

    @pytest.mark.one_backend
    def test_has_the_parameters_of_the_paper(self):
        """Those of its figure 1, with the last convolution, of 1 by 1."""
        desired, below = 0, 1
        for filters in (64, 128, 256, 512, 1024):
            desired += (9 * below + 1 + 9 * filters + 1) * filters
            below = filters
        for filters in (512, 256, 128, 64):
            desired += (
                4 * 2 * filters + 1 + 9 * 2 * filters + 1 + 9 * filters + 1
            ) * filters
        desired += 64 * 2 + 2
        model = unet((572, 572, 1), 2, normalization=None)
        assert model.count_params() == desired
        assert model.output_shape == (None, 572, 572, 2)
