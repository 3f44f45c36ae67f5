import keras
import numpy as np
import pytest
from contracts import array
from scipy.signal import correlate

from kdl.data import fashion
from kdl.metrics import SampleQuality, image_features
from kdl.metrics.generated.image_features import _weights

(TRAIN, _), _, (REAL, _) = fashion()


def by_hand(images):
    """The features of images of 28 x 28 pixels, in NumPy."""
    x = images.astype("float64")
    *convolutions, kernel, bias = _weights()
    for place in range(3):
        weight, shift = convolutions[2 * place : 2 * place + 2]
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        x = np.stack(
            [
                [
                    correlate(image, weight[..., n], mode="valid")[..., 0]
                    for n in range(weight.shape[-1])
                ]
                for image in padded
            ]
        )
        x = np.maximum(np.moveaxis(x, 1, -1) + shift, 0)
        if place < 2:
            count, height, width, channels = x.shape
            x = x.reshape(count, height // 2, 2, width // 2, 2, channels).max((2, 4))
    return np.maximum(x.reshape(len(x), -1) @ kernel + bias, 0)


class TestImageFeatures:
    def test_are_those_of_the_weights_on_each_backend(self):
        found = image_features().predict(REAL[:4], verbose=0)
        assert found.shape == (4, 64)
        np.testing.assert_allclose(found, by_hand(REAL[:4]), atol=1e-3)

    def test_take_other_sizes_and_colours(self):
        grey = image_features().predict(REAL[:4], verbose=0)
        colour = image_features(3)
        found = colour.predict(np.repeat(REAL[:4], 3, axis=-1), verbose=0)
        np.testing.assert_allclose(found, grey, atol=1e-3)
        large = np.kron(REAL[:4], np.ones((1, 2, 2, 3), "float32"))
        found = colour.predict(large, verbose=0)
        assert np.abs(found - grey).mean() < 0.2 * np.abs(grey).mean()

    def test_pass_gradients_to_images_alone(self):
        model = image_features()
        assert not model.trainable_variables
        shift = keras.layers.Conv2D(1, 1)
        whole = keras.Sequential([keras.Input((28, 28, 1)), shift, model])
        whole.compile("sgd", "mse")
        before = array(shift.kernel)
        whole.train_on_batch(REAL[:4], np.zeros((4, 64)))
        assert (array(shift.kernel) != before).any()

    @pytest.mark.one_backend
    def test_of_images_up_to_255_are_those_of_images_up_to_1(self):
        one, other = (
            SampleQuality(scale * REAL[:200])(scale * TRAIN[:200]) for scale in (1, 255)
        )
        for name, value in one.items():
            np.testing.assert_allclose(other[name], value, rtol=1e-3)

    @pytest.mark.one_backend
    def test_of_grey_images_are_those_of_coloured_ones(self):
        one, other = (
            SampleQuality(np.repeat(REAL[:200], channels, axis=-1))(
                np.repeat(TRAIN[:200], channels, axis=-1)
            )
            for channels in (1, 3)
        )
        for name, value in one.items():
            np.testing.assert_allclose(other[name], value, rtol=1e-2)

    @pytest.mark.one_backend
    def test_refuses_other_channels(self):
        with pytest.raises(ValueError) as error:
            image_features(2)
        assert str(error.value) == "`channels` must be 1 or 3. Received: channels=2"
