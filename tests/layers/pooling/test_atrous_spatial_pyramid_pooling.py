import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close, normal
from torch_images import COUNTED

from kdl.layers import AtrousSpatialPyramidPooling


class TestAtrousSpatialPyramidPooling(LayerContract):
    component = AtrousSpatialPyramidPooling
    arguments = {
        "filters": 8,
        "rates": [2],
        "normalization": None,
        "data_format": "channels_first",
    }
    input_shape = (2, 4, 7, 5)
    is_composed = True
    refused = [
        (
            {"filters": 0},
            "`filters` must be an integer in [1, inf). Received: filters=0",
        ),
        (
            {"rates": 6},
            "`rates` must be a sequence of integers in [1, inf). Received: rates=6",
        ),
        ({"rates": [0]}, "`rates` must be an integer in [1, inf). Received: rates=0"),
        (
            {"normalization": "weight"},
            "`normalization` must be one of 'batch', 'layer', 'instance', 'group', "
            "None or a keras.layers.Layer. Received: normalization='weight'",
        ),
    ]

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    def test_is_that_of_torch_with_its_weights(self, data_format):
        layer = AtrousSpatialPyramidPooling(4, (2, 3), data_format=data_format)
        layer.build((2, 6, 8, 7) if data_format == "channels_first" else (2, 8, 7, 6))
        torch.manual_seed(0)
        convolutions = [
            torch.nn.Conv2d(6, 4, 1, bias=False),
            torch.nn.Conv2d(6, 4, 3, padding=2, dilation=2, bias=False),
            torch.nn.Conv2d(6, 4, 3, padding=3, dilation=3, bias=False),
            torch.nn.Conv2d(6, 4, 1, bias=False),
            torch.nn.Conv2d(16, 4, 1, bias=False),
        ]
        units, blocks = [], [*layer.branches, layer.image, layer.projection]
        for block, convolution in zip(blocks, convolutions, strict=True):
            norm = torch.nn.BatchNorm2d(4, eps=1e-3).eval()
            state = norm.weight, norm.bias, norm.running_mean, norm.running_var
            for part in state:
                torch.nn.init.uniform_(part, 0.5, 2)
            kernel = convolution.weight.detach().numpy().transpose(2, 3, 1, 0)
            block.convolutions[0].set_weights([kernel])
            block.normalizations[0].set_weights([t.detach().numpy() for t in state])
            units.append(torch.nn.Sequential(convolution, norm, torch.nn.ReLU()))
        inputs = array(normal((2, 6, 8, 7)))
        tensor = torch.tensor(inputs)
        *branches, image, project = units
        image = image(torch.nn.functional.adaptive_avg_pool2d(tensor, 1))
        image = torch.nn.functional.interpolate(image, (8, 7), mode="bilinear")
        joined = torch.cat([*(branch(tensor) for branch in branches), image], dim=1)
        desired = project(joined).detach().numpy()
        if data_format == "channels_last":
            inputs, desired = np.moveaxis(inputs, 1, 3), np.moveaxis(desired, 1, 3)
        assert_close(layer(inputs, training=False), desired)

    def test_has_the_parameters_of_the_paper(self):
        layer = AtrousSpatialPyramidPooling(**COUNTED)
        layer.build((None, 33, 33, 2048))
        kernels = 2048 * (1 + 3 * 9 + 1) * 256 + 5 * 256 * 256
        # And as many gammas, betas, means and variances.
        assert layer.count_params() == kernels + 6 * 4 * 256

    def test_single_pixel_has_a_bias_rather_than_instance_statistics(self):
        layer = self.make(normalization="instance")
        layer.build(self.input_shape)
        blocks = [*layer.branches, layer.image, layer.projection]
        uses_bias = [block.convolutions[0].use_bias for block in blocks]
        assert uses_bias == [False, False, True, False]

    def test_takes_images_of_any_size(self):
        layer = AtrousSpatialPyramidPooling(4, (2,), data_format="channels_last")
        model = keras.Sequential([keras.Input((None, None, 3)), layer])
        assert model.output_shape == (None, None, None, 4)
        for shape in ((2, 5, 4, 3), (2, 2, 7, 3)):
            inputs = array(normal(shape))
            assert_close(model.predict(inputs, verbose=0), layer(inputs))

    @pytest.mark.parametrize("normalization", ["batch", "layer", "instance", "group"])
    def test_is_finite_in_float16(self, normalization):
        layer = self.make(normalization=normalization, dtype="mixed_float16")
        for scale in (0, 100):
            inputs = scale * array(normal((1, 4, 40, 40)))
            assert np.isfinite(array(layer(inputs, training=True))).all()
