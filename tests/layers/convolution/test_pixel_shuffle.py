import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, assert_close, normal

from kdl.layers import PixelShuffle2D


class TestPixelShuffle2D(LayerContract):
    component = PixelShuffle2D
    arguments = {"scale": 3, "data_format": "channels_first"}
    input_shape = (2, 18, 4, 5)
    refused = [
        ({"scale": 1}, "`scale` must be an integer in [2, inf). Received: scale=1"),
        (
            {"data_format": "last"},
            "`data_format` must be one of 'channels_last', 'channels_first'. "
            "Received: data_format='last'",
        ),
    ]

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    def test_is_that_of_torch_in_another_order_of_channels(self, data_format):
        inputs = array(self.inputs())
        desired = torch.nn.PixelShuffle(3)(torch.tensor(inputs)).numpy()
        inputs = inputs.reshape(2, 2, 9, 4, 5).swapaxes(1, 2).reshape(inputs.shape)
        if data_format == "channels_last":
            inputs, desired = np.moveaxis(inputs, 1, 3), np.moveaxis(desired, 1, 3)
        assert_close(self.make(data_format=data_format)(inputs), desired)

    def test_data_format_defaults_to_that_of_keras(self):
        assert PixelShuffle2D(2).data_format == keras.config.image_data_format()

    def test_takes_images_of_any_size(self):
        layer = PixelShuffle2D(2, "channels_last")
        model = keras.Sequential([keras.Input((None, None, 8)), layer])
        assert model.output_shape == (None, None, None, 2)
        for shape in ((1, 3, 4, 8), (2, 5, 2, 8)):
            inputs = array(normal(shape))
            assert_close(model.predict(inputs, verbose=0), layer(inputs))

    @pytest.mark.parametrize("channels", [None, 2, 12])
    def test_refuses_channels_that_do_not_divide(self, channels):
        with pytest.raises(ValueError) as error:
            self.make()(keras.Input((channels, 4, 5)))
        assert str(error.value) == (
            "`inputs` must have a number of channels that is a multiple of "
            f"`scale ** 2`. Received: inputs of shape (None, {channels}, 4, 5), "
            "scale=3, data_format='channels_first'"
        )
