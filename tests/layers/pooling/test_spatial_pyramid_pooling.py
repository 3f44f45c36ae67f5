import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close, compiled, normal

from kdl.layers import SpatialPyramidPooling2D


class TestSpatialPyramidPooling2D(LayerContract):
    component = SpatialPyramidPooling2D
    arguments = {"bins": [1, 3], "mode": "average", "data_format": "channels_first"}
    input_shape = (2, 4, 7, 5)
    refused = [
        (
            {"bins": 4},
            "`bins` must be a sequence of integers in [1, inf), or of pairs of them. "
            "Received: bins=4",
        ),
        ({"bins": [1, 0]}, "`bins` must be an integer in [1, inf). Received: bins=0"),
        (
            {"mode": "mean"},
            "`mode` must be one of 'max', 'average'. Received: mode='mean'",
        ),
        (
            {"data_format": "last"},
            "`data_format` must be one of 'channels_last', 'channels_first'. "
            "Received: data_format='last'",
        ),
    ]

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    @pytest.mark.parametrize("mode", ["max", "average"])
    def test_is_adaptive_pooling_of_torch_joined(self, mode, data_format):
        pool = {"max": "adaptive_max_pool2d", "average": "adaptive_avg_pool2d"}[mode]
        pool = getattr(torch.nn.functional, pool)
        layer = SpatialPyramidPooling2D((1, 2, 4), mode, data_format)
        for size in ((13, 9), (4, 7)):
            inputs = array(normal((2, 3, *size)))
            grids = [pool(torch.tensor(inputs), n).flatten(2) for n in (1, 2, 4)]
            desired = torch.cat(grids, dim=2).numpy()
            if data_format == "channels_last":
                inputs, desired = np.moveaxis(inputs, 1, 3), desired.swapaxes(1, 2)
            assert_close(layer(inputs), desired)

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    @pytest.mark.parametrize("mode", ["max", "average"])
    def test_takes_rows_and_columns_of_regions(self, mode, data_format):
        pool = {"max": "adaptive_max_pool2d", "average": "adaptive_avg_pool2d"}[mode]
        pool = getattr(torch.nn.functional, pool)
        layer = SpatialPyramidPooling2D([(2, 3), 1, [1, 4]], mode, data_format)
        inputs = array(normal((2, 3, 5, 7)))
        grids = [pool(torch.tensor(inputs), n).flatten(2) for n in ((2, 3), 1, (1, 4))]
        desired = torch.cat(grids, dim=2).numpy()
        if data_format == "channels_last":
            inputs, desired = np.moveaxis(inputs, 1, 3), desired.swapaxes(1, 2)
        outputs = layer(inputs)
        assert_close(outputs, desired)
        assert layer.compute_output_shape(inputs.shape) == tuple(outputs.shape)
        self.assert_survives_json(layer)

    def test_refuses_images_with_fewer_rows_or_columns_than_regions(self):
        layer = SpatialPyramidPooling2D([(2, 3)], data_format="channels_last")
        layer.build((None, 2, 3, 1))
        with pytest.raises(ValueError, match="at least 2 by 3 pixels"):
            layer.build((None, 3, 2, 1))

    @pytest.mark.parametrize(
        ("mode", "reduce"), [("max", np.max), ("average", np.mean)]
    )
    def test_is_that_of_tensorflow_addons_where_bins_divide(self, mode, reduce):
        inputs = array(normal((2, 8, 12, 3)))
        # Its code: split both sides, stack, and reduce over the parts.
        desired = []
        for n in (1, 2, 4):
            parts = np.stack(np.split(inputs, n, axis=1), axis=1)
            parts = np.stack(np.split(parts, n, axis=3), axis=3)
            desired.append(reduce(parts, axis=(2, 4)).reshape(2, n * n, 3))
        layer = SpatialPyramidPooling2D((1, 2, 4), mode, "channels_last")
        assert_close(layer(inputs), np.concatenate(desired, axis=1))

    @pytest.mark.parametrize("mode", ["max", "average"])
    def test_takes_images_of_any_size(self, mode):
        layer = SpatialPyramidPooling2D((1, 2), mode, "channels_last")
        model = keras.Sequential([keras.Input((None, None, 3)), layer])
        assert model.output_shape == (None, 5, 3)
        # Also in one graph of any size, where TensorFlow does not know it.
        for shape in ((2, 5, 4, 3), (2, 2, 7, 3)):
            inputs = normal(shape)
            outputs = model.predict(array(inputs), verbose=0)
            assert_close(outputs, layer(inputs))
            assert_close(compiled(layer)(inputs), layer(inputs))

    @pytest.mark.parametrize("mode", ["max", "average"])
    def test_keeps_its_precision_in_float16(self, mode):
        layer = self.make(mode=mode, dtype="mixed_float16")
        # The sum of a region is beyond the largest float16, 65504.
        inputs = np.full((1, 1, 40, 40), 100.0)
        assert_close(layer(inputs), np.full((1, 1, 10), 100.0))

    def test_refuses_images_smaller_than_the_bins(self):
        for shape in ((None, 4, 2, None), (2, 4, 7, 2)):
            with pytest.raises(ValueError) as error:
                self.make()(keras.Input(batch_shape=shape))
            assert str(error.value) == (
                "SpatialPyramidPooling2D takes images of at least 3 by 3 pixels, the "
                f"largest of `bins`. Received: inputs of shape {shape}, "
                "data_format='channels_first'"
            )

    def test_refuses_other_ranks(self):
        with pytest.raises(ValueError, match=r"layer 'pyramid'.*expected ndim=4"):
            self.make(name="pyramid")(np.ones((2, 4, 7)))
