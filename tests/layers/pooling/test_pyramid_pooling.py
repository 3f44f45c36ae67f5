import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close, normal
from torch_images import COUNTED

from kdl.layers import PyramidPooling


class TestPyramidPooling(LayerContract):
    component = PyramidPooling
    arguments = {
        "bins": [1, 3],
        "filters": 8,
        "normalization": None,
        "data_format": "channels_first",
    }
    input_shape = (2, 4, 7, 5)
    is_composed = True
    refused = [
        (
            {"bins": []},
            "`bins` must be a sequence of integers in [1, inf), or of pairs of them. "
            "Received: bins=[]",
        ),
        (
            {"filters": 0},
            "`filters` must be an integer in [1, inf). Received: filters=0",
        ),
        (
            {"normalization": "weight"},
            "`normalization` must be one of 'batch', 'layer', 'instance', 'group', "
            "None or a keras.layers.Layer. Received: normalization='weight'",
        ),
    ]

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    def test_is_that_of_torch_with_its_weights(self, data_format):
        layer = PyramidPooling((1, 2, 3), 4, data_format=data_format)
        inputs = array(normal((2, 6, 8, 7)))
        joined = [tensor := torch.tensor(inputs)]
        torch.manual_seed(0)
        layer.build((2, 6, 8, 7) if data_format == "channels_first" else (2, 8, 7, 6))
        for i, n in enumerate((1, 2, 3)):
            convolution = torch.nn.Conv2d(6, 4, 1, bias=False)
            norm = torch.nn.BatchNorm2d(4, eps=1e-3).eval()
            for part in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                torch.nn.init.uniform_(part, 0.5, 2)
            context = torch.nn.functional.adaptive_avg_pool2d(tensor, n)
            context = torch.relu(norm(convolution(context)))
            joined.append(
                torch.nn.functional.interpolate(context, (8, 7), mode="bilinear")
            )
            kernel = convolution.weight.detach().numpy().transpose(2, 3, 1, 0)
            context = layer.contexts[i]
            context.convolutions[0].set_weights([kernel])
            state = norm.weight, norm.bias, norm.running_mean, norm.running_var
            context.normalizations[0].set_weights([t.detach().numpy() for t in state])
        desired = torch.cat(joined, dim=1).detach().numpy()
        if data_format == "channels_last":
            inputs, desired = np.moveaxis(inputs, 1, 3), np.moveaxis(desired, 1, 3)
        assert_close(layer(inputs, training=False), desired)

    def test_filters_default_to_those_of_the_paper(self):
        layer = PyramidPooling(**COUNTED)
        layer.build((None, 60, 60, 2048))
        # 512 for each of four grids, and as many gammas, betas, means and variances.
        assert layer.count_params() == 4 * (2048 * 512 + 4 * 512)
        assert layer.compute_output_shape((None, 60, 60, 2048))[-1] == 4096

    @pytest.mark.parametrize(
        ("normalization", "parameters"),
        [("batch", 16), ("layer", 8), ("instance", 8), ("group", 8), (None, 4)],
    )
    def test_normalizes_as_it_is_told(self, normalization, parameters):
        layer = self.make(bins=(2,), filters=4, normalization=normalization)
        outputs = array(layer(self.inputs(), training=True))
        assert layer.count_params() == 4 * 4 + parameters
        assert np.isfinite(outputs).all()

    def test_single_pixel_has_a_bias_rather_than_instance_statistics(self):
        layer = self.make(bins=(1, 2), normalization="instance")
        layer.build(self.input_shape)
        uses_bias = [block.convolutions[0].use_bias for block in layer.contexts]
        assert uses_bias == [True, False]
        _, context = np.split(array(layer(self.inputs())), [4], axis=1)
        assert (context[:, :8].std(axis=(2, 3)) < 1e-6).all()
        assert context[:, :8].std() > 0.01

    def test_takes_images_of_any_size(self):
        layer = PyramidPooling((1, 2), 4, data_format="channels_last")
        model = keras.Sequential([keras.Input((None, None, 3)), layer])
        assert model.output_shape == (None, None, None, 11)
        for shape in ((2, 5, 4, 3), (2, 2, 7, 3)):
            inputs = array(normal(shape))
            assert_close(model.predict(inputs, verbose=0), layer(inputs))

    @pytest.mark.parametrize("normalization", ["batch", "layer", "instance", "group"])
    def test_is_finite_in_float16(self, normalization):
        layer = self.make(normalization=normalization, dtype="mixed_float16")
        for scale in (0, 100):
            inputs = scale * array(normal((1, 4, 40, 40)))
            assert np.isfinite(array(layer(inputs, training=True))).all()

    def test_refuses_images_smaller_than_the_bins(self):
        with pytest.raises(ValueError) as error:
            self.make()(keras.Input((4, 2, None)))
        assert str(error.value) == (
            "PyramidPooling takes images of at least 3 by 3 pixels, the largest of "
            "`bins`. Received: inputs of shape (None, 4, 2, None), "
            "data_format='channels_first'"
        )

    def test_refuses_fewer_channels_than_bins(self):
        with pytest.raises(ValueError) as error:
            self.make(filters=None)(keras.Input((1, 7, 7)))
        assert str(error.value) == (
            "PyramidPooling takes at least as many channels as `bins` where `filters` "
            "is None. Received: 1 channels, bins=(1, 3)"
        )
