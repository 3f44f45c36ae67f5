import keras
import numpy as np
import pytest
import torch
from contracts import LayerContract, array, normal
from PIL import Image

from kdl.layers import BicubicUpsampling2D


class TestBicubicUpsampling2D(LayerContract):
    component = BicubicUpsampling2D
    arguments = {"scale": 3, "data_format": "channels_first"}
    input_shape = (2, 3, 5, 4)
    refused = [
        ({"scale": 1}, "`scale` must be an integer in [2, inf). Received: scale=1"),
        (
            {"data_format": "last"},
            "`data_format` must be one of 'channels_last', 'channels_first'. "
            "Received: data_format='last'",
        ),
    ]

    @pytest.mark.parametrize("scale", [2, 3, 4])
    def test_is_that_of_pillow_and_torch_but_for_the_border(self, scale):
        inputs = np.random.default_rng(0).uniform(size=(7, 9)).astype("float32")
        outputs = array(BicubicUpsampling2D(scale)(inputs[None, ..., None]))[0, ..., 0]
        size = scale * 9, scale * 7
        pillow = Image.fromarray(inputs).resize(size, Image.Resampling.BICUBIC)
        # With antialiasing, PyTorch has the same weights.
        of_torch = torch.nn.functional.interpolate(
            torch.tensor(inputs)[None, None],
            scale_factor=scale,
            mode="bicubic",
            antialias=True,
        )
        inner = (slice(2 * scale, -2 * scale),) * 2
        for desired in (np.asarray(pillow), of_torch[0, 0].numpy()):
            np.testing.assert_allclose(outputs[inner], desired[inner], atol=1e-5)

    def test_keeps_what_is_constant_and_channels_apart(self):
        inputs = np.broadcast_to(np.array([0.25, 0.5, 1.0], "float32"), (1, 4, 5, 3))
        outputs = array(BicubicUpsampling2D(2, "channels_last")(inputs))
        desired = np.broadcast_to(inputs[0, 0, 0], (1, 8, 10, 3))
        np.testing.assert_allclose(outputs, desired, atol=1e-6)

    def test_data_format_defaults_to_that_of_keras(self):
        layer = BicubicUpsampling2D()
        assert layer.data_format == keras.config.image_data_format()

    def test_takes_images_of_any_size(self):
        layer = BicubicUpsampling2D(2, "channels_last")
        model = keras.Sequential([keras.Input((None, None, 3)), layer])
        assert model.output_shape == (None, None, None, 3)
        for shape in ((1, 1, 4, 3), (2, 5, 2, 3)):
            inputs = array(normal(shape))
            actual = model.predict(inputs, verbose=0)
            np.testing.assert_allclose(actual, array(layer(inputs)), atol=1e-6)
