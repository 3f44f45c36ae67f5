import keras
import numpy as np
import pytest
from contracts import array

from kdl.layers.convolution.depthwise import DepthwiseConv2D

OPTIONS = {
    "padding": "same",
    "data_format": "channels_last",
    "bias_initializer": "ones",
}


@pytest.mark.parametrize("size", [(8, 7), (1, 2), (5, 6)])
@pytest.mark.parametrize(
    ("kernel", "strides", "dilation"), [(3, 1, 1), (5, 2, 1), (2, 3, 1), (3, 1, 2)]
)
def test_is_that_of_keras(size, kernel, strides, dilation):
    options = {"strides": strides, "dilation_rate": dilation, "activation": "tanh"}
    theirs = keras.layers.DepthwiseConv2D(kernel, **options, **OPTIONS)
    ours = DepthwiseConv2D(kernel, **options, **OPTIONS)
    images = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    desired = array(theirs(images))
    ours.build(images.shape)
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(array(ours(images)), desired, rtol=1e-5, atol=1e-6)
    assert ours.compute_output_shape(images.shape) == desired.shape
