import keras
import numpy as np
import pytest
from contracts import InitializerContract, array, assert_close, normal

from kdl.initializers import BilinearUpsampling


class TestBilinearUpsampling(InitializerContract):
    component = BilinearUpsampling
    shape = (4, 3, 2, 2)

    def test_refuses_bad_arguments(self):
        """It has none, but a shape can be wrong."""
        for shape in ((4, 4), (4, 4, 2, 3), (4, 2, 2), (3, 3, 3, 2, 2)):
            with pytest.raises(ValueError) as error:
                self.make()(shape)
            assert str(error.value) == (
                "`shape` must be (height, width, channels, channels), the kernel of a "
                "Conv2DTranspose with as many filters as its inputs have channels. "
                f"Received: shape={shape}"
            )

    @pytest.mark.parametrize("rate", [2, 3, 4, 5])
    def test_equals_a_bilinear_resize_in_the_interior(self, rate):
        inputs = normal((2, 6, 5, 3))
        layer = keras.layers.Conv2DTranspose(
            3,
            2 * rate - rate % 2,
            strides=rate,
            padding="same",
            kernel_initializer=self.make(),
        )
        desired = keras.ops.image.resize(inputs, (6 * rate, 5 * rate), "bilinear")
        interior = np.s_[:, rate:-rate, rate:-rate]
        assert_close(array(layer(inputs))[interior], array(desired)[interior])

    def test_each_axis_has_its_triangle(self):
        kernel = self.draw()
        rows, columns = [0.25, 0.75, 0.75, 0.25], [0.5, 1, 0.5]
        assert_close(kernel[:, :, 0, 0], np.outer(rows, columns))

    def test_channels_do_not_mix(self):
        kernel = self.draw()
        assert_close(kernel[:, :, 0, 1], np.zeros((4, 3)))
        assert_close(kernel[:, :, 1, 0], np.zeros((4, 3)))
        assert_close(kernel[:, :, 1, 1], kernel[:, :, 0, 0])
