import keras
import numpy as np
import pytest
from contracts import InitializerContract, array, assert_close, normal

from kdl.initializers import ICNR
from kdl.layers import PixelShuffle2D


class TestICNR(InitializerContract):
    component = ICNR
    arguments = {"scale": 3, "initializer": keras.initializers.HeUniform(seed=1)}
    shape = (2, 2, 2, 18)
    refused = [
        ({"scale": 1}, "`scale` must be an integer in [2, inf). Received: scale=1"),
        (
            {"initializer": None},
            "`initializer` must be an initializer of Keras or its name. "
            "Received: initializer=None",
        ),
        (
            {"initializer": sum},
            "`initializer` must be a keras.initializers.Initializer, its name or its "
            "config. Received: initializer=<built-in function sum>",
        ),
    ]

    def test_takes_a_name_or_a_config(self):
        assert type(ICNR(2, "orthogonal").initializer) is keras.initializers.Orthogonal
        inner = keras.saving.serialize_keras_object(self.arguments["initializer"])
        assert_close(self.draw(initializer=inner), self.draw())

    def test_repeats_what_the_initializer_draws(self):
        drawn = array(self.arguments["initializer"]((2, 2, 2, 2)))
        kernel = self.draw()
        for block in range(9):
            np.testing.assert_array_equal(kernel[..., 2 * block : 2 * block + 2], drawn)

    def test_upsampling_starts_as_nearest_neighbours(self):
        inputs = normal((2, 5, 6, 3))
        wide = keras.layers.Conv2D(18, 3, kernel_initializer=self.make())
        narrow = keras.layers.Conv2D(
            2, 3, kernel_initializer=self.arguments["initializer"]
        )
        desired = array(narrow(inputs)).repeat(3, axis=1).repeat(3, axis=2)
        assert_close(PixelShuffle2D(3)(wide(inputs)), desired)

    @pytest.mark.parametrize("channels", [2, 12])
    def test_refuses_channels_that_do_not_divide(self, channels):
        with pytest.raises(ValueError) as error:
            self.make()((2, 2, 2, channels))
        assert str(error.value) == (
            "`shape` must have a last axis that is a multiple of `scale ** 2`. "
            f"Received: shape=(2, 2, 2, {channels}), scale=3"
        )
