from types import SimpleNamespace

import numpy as np
import pytest
from contracts import array

from kdl.recipes.generative.networks import networks

pytestmark = pytest.mark.one_backend


def pair(shape, width=1, **values):
    p = {"network": "convolutional", "size": 5, "filters": 4, "depth": 1, "units": 8}
    p["maps"] = 8
    encoder, decoder = networks(SimpleNamespace(**{**p, **values}), shape)
    return encoder(width), decoder()


@pytest.mark.parametrize("network", ["convolutional", "dense", "residual"])
@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (9, 21, 3), (20, 33, 1), (1, 6, 2), (1, 1, 1)]
)
def test_decoder_makes_images_of_any_size(network, shape):
    encoder, decoder = pair(shape, network=network)
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    outputs = array(decoder(encoder(x)))
    assert outputs.shape == x.shape and np.isfinite(outputs).all()


@pytest.mark.parametrize("network", ["convolutional", "dense"])
def test_narrow_code_has_its_size(network):
    encoder, decoder = pair((12, 12, 1), width=2, network=network)
    assert encoder.output_shape == (None, 10) and decoder.input_shape == (None, 5)


def test_code_of_a_residual_network_is_wider_than_the_images():
    encoder, _ = pair((28, 28, 1), network="residual")
    assert encoder.output_shape == (None, 14, 14, 8)
    # Small images keep their size.
    encoder, _ = pair((8, 8, 1), network="residual")
    assert encoder.output_shape == (None, 8, 8, 8)


def test_convolutions_double_and_dense_layers_halve():
    encoder, _ = pair((28, 28, 1), depth=2)
    filters = [x.filters for x in encoder.layers if hasattr(x, "filters")]
    assert filters == [4, 4, 8, 8]
    encoder, decoder = pair((7,), network="dense", depth=3, units=32)
    units = [
        [layer.units for layer in network.layers if hasattr(layer, "units")]
        for network in (encoder, decoder)
    ]
    assert units == [[32, 16, 8, 5], [8, 16, 32, 7]]
