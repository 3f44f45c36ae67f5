import keras
import numpy as np
import pytest
from contracts import array
from keras import layers
from scored_models import IMAGES, TOKENS, convolutions, drawn, linear, reader

from kdl.attribution import grad_cam, grad_cam_plus_plus, gradient


@pytest.fixture(scope="module")
def model():
    return convolutions()


def enlarged(maps, size):
    """Linear interpolation between the middles of pixels, by NumPy."""
    for axis in (1, 2):
        count = maps.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
        below = np.minimum(at.astype(int), count - 2)
        share = np.expand_dims(at - below, [n for n in range(3) if n != axis])
        one, other = (np.take(maps, below + n, axis) for n in (0, 1))
        maps = (1 - share) * one + share * other
    return maps


class TestGradCam:
    def test_weighs_maps_by_their_mean_gradient(self, model):
        gradients, maps, _ = gradient(model, IMAGES, 2, layer="pool")
        weights = gradients.mean(axis=(1, 2))
        expected = np.einsum("nhwc,nc->nhw", maps, weights)
        found = grad_cam(model, IMAGES, 2, layer="pool")
        assert found.shape == (6, 8, 8)
        expected = enlarged(np.maximum(expected, 0), 8)
        np.testing.assert_allclose(found, expected, 1e-4, 1e-6)

    def test_is_by_default_of_the_last_layer_with_maps(self, model):
        by_default, named = (
            grad_cam(model, IMAGES),
            grad_cam(model, IMAGES, None, "inner"),
        )
        np.testing.assert_array_equal(by_default, named)

    def test_of_sequences_and_of_channels_that_come_first(self):
        read = reader()
        (name,) = (x.name for x in read.layers if isinstance(x, layers.Conv1D))
        gradients, maps, _ = gradient(read, TOKENS, 1, layer=name)
        expected = np.maximum((maps * gradients.mean(axis=1, keepdims=True)).sum(-1), 0)
        found = grad_cam(read, TOKENS, 1, name)
        assert found.shape == (4, 5)
        np.testing.assert_allclose(found[:, [0, -1]], expected[:, [0, -1]], 1e-4, 1e-6)
        if keras.backend.backend() == "torch":
            first = drawn(
                keras.Sequential(
                    [
                        keras.Input((1, 8, 6)),
                        layers.Conv2D(3, 3, data_format="channels_first"),
                        layers.GlobalAveragePooling2D(data_format="channels_first"),
                        layers.Dense(2),
                    ]
                )
            )
            x = np.moveaxis(IMAGES[:, :, :6], 3, 1)
            assert grad_cam(first, x, layer=first.layers[0].name).shape == (6, 8, 6)

    @pytest.mark.one_backend
    def test_refuses_what_has_no_maps(self, model):
        with pytest.raises(ValueError) as error:
            grad_cam(model, IMAGES, layer="logits")
        assert str(error.value) == (
            "`layer` must be a layer that returns maps of shape (examples, height, "
            "width, channels) or (examples, length, features). Received: "
            "layer='logits', of shape (6, 5)"
        )
        dense = linear()
        with pytest.raises(ValueError) as error:
            grad_cam(dense, np.ones((2, 4)))
        assert str(error.value) == (
            "`model` must have a layer that returns maps, such as a convolution. "
            f"Received: the model {dense.name!r}, which has none"
        )


class TestGradCamPlusPlus:
    def test_weighs_maps_as_the_paper_does(self, model):
        """Of the derivatives of the exponential of the score."""
        gradients, maps, scores = gradient(model, IMAGES, 2, layer="pool")
        first, second, third = (
            np.exp(scores)[:, None, None, None] * gradients**n for n in (1, 2, 3)
        )
        alpha = second / (2 * second + maps.sum(axis=(1, 2), keepdims=True) * third)
        weights = (alpha * np.maximum(first, 0)).sum(axis=(1, 2), keepdims=True)
        expected = np.maximum((weights * maps).sum(axis=-1), 0)
        # All maps of an example have this factor.
        expected = enlarged(expected / np.exp(scores)[:, None, None], 8)
        found = grad_cam_plus_plus(model, IMAGES, 2, layer="pool")
        np.testing.assert_allclose(found, expected, 1e-3, 1e-5)

    def test_has_nothing_of_maps_without_a_gradient(self, model):
        def constant(outputs):
            return 0 * outputs[:, 0]

        found = grad_cam_plus_plus(model, IMAGES, constant)
        assert array(found).shape == (6, 8, 8) and (found == 0).all()
