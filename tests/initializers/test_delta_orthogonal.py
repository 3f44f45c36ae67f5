import keras
import numpy as np
import pytest
from contracts import RandomInitializerContract, array, assert_close, normal

from kdl.initializers import DeltaOrthogonal


class TestDeltaOrthogonal(RandomInitializerContract):
    component = DeltaOrthogonal
    arguments = {"gain": 1.5, "seed": 1}
    shape = (3, 4, 3, 5)
    large = (3, 3, 60, 80)
    variance = 1.5**2 / 80 / 9
    refused = [({"gain": 0}, "`gain` must be a number in (0, inf). Received: gain=0")]

    @pytest.mark.parametrize("inputs", [1, 3, 5])
    def test_centre_is_orthogonal(self, inputs):
        kernel = array(self.make()((3, 3, inputs, 5)))
        centre = kernel[1, 1].copy()
        assert_close(centre @ centre.T, 1.5**2 * np.eye(inputs))
        kernel[1, 1] = 0
        assert not kernel.any()

    @pytest.mark.parametrize(
        ("layer", "sizes"),
        [
            (keras.layers.Conv1D, (3,)),
            (keras.layers.Conv1D, (4,)),
            (keras.layers.Conv2D, (3, 5)),
            (keras.layers.Conv2D, (2, 4)),
            (keras.layers.Conv3D, (3, 1, 2)),
        ],
    )
    def test_convolution_keeps_the_norm(self, layer, sizes):
        inputs = normal((2, *[6] * len(sizes), 3))
        layer = layer(
            5, sizes, padding="same", use_bias=False, kernel_initializer=self.make()
        )
        axes = tuple(range(1, len(sizes) + 2))
        desired = 1.5**2 * np.sum(array(inputs) ** 2, axis=axes)
        assert_close(np.sum(array(layer(inputs)) ** 2, axis=axes), desired)

    def test_dilated_convolution_of_odd_size_keeps_the_norm(self):
        inputs = normal((2, 6, 6, 3))
        layer = keras.layers.Conv2D(
            5, 3, padding="same", dilation_rate=2, kernel_initializer=self.make()
        )
        desired = 1.5**2 * np.sum(array(inputs) ** 2)
        assert_close(np.sum(array(layer(inputs)) ** 2), desired)

    @pytest.mark.parametrize(
        "shape", [(3, 3, 5, 4), (3, 4), (2, 2, 2, 2, 3, 4), (3,), ()]
    )
    def test_refuses_other_shapes(self, shape):
        with pytest.raises(ValueError) as error:
            self.make()(shape)
        assert str(error.value) == (
            "`shape` must be that of the kernel of a convolution of 1 to 3 dimensions, "
            f"with no more inputs than outputs. Received: shape={shape}"
        )
