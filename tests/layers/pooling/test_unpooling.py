import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close, normal

from kdl.layers import Unpooling2D


class TestUnpooling2D(LayerContract):
    component = Unpooling2D
    arguments = {"scale": 3, "position": "center", "data_format": "channels_first"}
    input_shape = (2, 2, 4, 5)
    refused = [
        ({"scale": 1}, "`scale` must be an integer in [2, inf). Received: scale=1"),
        (
            {"position": "right"},
            "`position` must be one of 'top_left', 'center'. Received: "
            "position='right'",
        ),
        (
            {"data_format": "last"},
            "`data_format` must be one of 'channels_last', 'channels_first'. "
            "Received: data_format='last'",
        ),
    ]

    @pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
    @pytest.mark.parametrize(
        ("scale", "position", "offset"),
        [(2, "top_left", 0), (2, "center", 0), (3, "center", 1), (4, "center", 1)],
    )
    def test_places_pixels_among_zeros(self, scale, position, offset, data_format):
        inputs = array(normal((2, 3, 4, 5)))
        desired = np.zeros((2, 3, scale * 4, scale * 5))
        desired[:, :, offset::scale, offset::scale] = inputs
        if data_format == "channels_last":
            inputs, desired = np.moveaxis(inputs, 1, 3), np.moveaxis(desired, 1, 3)
        assert_close(Unpooling2D(scale, position, data_format)(inputs), desired)

    def test_takes_images_of_any_size(self):
        layer = Unpooling2D(2, data_format="channels_last")
        model = keras.Sequential([keras.Input((None, None, 3)), layer])
        assert model.output_shape == (None, None, None, 3)
        for shape in ((2, 5, 4, 3), (2, 2, 7, 3)):
            inputs = array(normal(shape))
            assert_close(model.predict(inputs, verbose=0), layer(inputs))
