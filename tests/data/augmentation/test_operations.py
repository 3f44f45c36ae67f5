"""Operations on colours are Pillow's, up to its rounding to bytes."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from kdl.data.augmentation.operations import COLORS

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(1)
SIGNS = np.array([1, -1, 1, -1, 1])
STRENGTHS = [0.0, 0.3, 1.0]


def images(channels, size=(20, 17)):
    """Bytes of several ranges; the last image is of one value."""
    x = RNG.integers(30, 200, (5, *size, channels)).astype("uint8")
    x[1] //= 3
    x[2] = RNG.beta(0.3, 0.3, x[2].shape) * 255
    x[4] = 77
    return x


def by_pillow(function, x):
    """A function of an image of Pillow and of the image's place, of each image."""
    result = []
    for place, image in enumerate(x):
        pillow = Image.fromarray(image[..., 0] if x.shape[-1] == 1 else image)
        result.append(np.asarray(function(pillow, place)).reshape(image.shape))
    return np.array(result)


def changed(name, x, strength):
    """The operation, in bytes that are not rounded."""
    x = x / np.float32(255)
    before = x.copy()
    result = COLORS[name](x, strength, SIGNS)
    np.testing.assert_array_equal(x, before)
    assert result.dtype == "float32" and result.shape == x.shape
    assert result.min() >= 0 and result.max() <= 1
    return 255 * result


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        # Pillow cuts the fraction off,
        ("brightness", 1),
        # rounds each grey and their mean,
        ("contrast", 2),
        # rounds the grey, up to a half times a factor of 0.9,
        ("color", 1.5),
        # or the smoothed pixel.
        ("sharpness", 1.5),
    ],
)
def test_enhances_as_pillow(name, tolerance, strength, channels):
    x = images(channels)
    enhance = getattr(ImageEnhance, name.capitalize())
    desired = by_pillow(
        lambda image, place: enhance(image).enhance(1 + 0.9 * strength * SIGNS[place]),
        x,
    )
    actual = changed(name, x, strength)
    assert np.abs(actual - desired).max() <= tolerance + 1e-3
    if strength == 0:
        np.testing.assert_allclose(actual, x, atol=1e-3)
    elif (name, channels) != ("color", 1):
        assert np.abs(actual - x).max() > 10


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("strength", [0.0, 0.25, 0.6, 1.0])
def test_posterizes_and_solarizes_as_pillow(strength, channels):
    x = images(channels)
    bits = 8 - round(4 * strength)
    desired = by_pillow(lambda image, _: ImageOps.posterize(image, bits), x)
    np.testing.assert_allclose(changed("posterize", x, strength), desired, atol=1e-3)
    threshold = 256 * (1 - strength)
    desired = by_pillow(lambda image, _: ImageOps.solarize(image, threshold), x)
    np.testing.assert_allclose(changed("solarize", x, strength), desired, atol=1e-3)


@pytest.mark.parametrize("channels", [1, 3])
def test_stretches_as_pillow(channels):
    x = images(channels)
    desired = by_pillow(lambda image, _: ImageOps.autocontrast(image), x)
    # Pillow cuts the fraction off.
    assert np.abs(changed("autocontrast", x, 0.5) - desired).max() <= 1 + 1e-3


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(20, 17), (8, 8), (40, 50), (16, 16)])
def test_equalizes_as_pillow(size, channels):
    x = images(channels, size)
    desired = by_pillow(lambda image, _: ImageOps.equalize(image), x)
    np.testing.assert_allclose(changed("equalize", x, 0.5), desired, atol=1e-3)


def test_small_images_are_not_smoothed():
    x = images(1, (2, 5))
    np.testing.assert_allclose(changed("sharpness", x, 0.5), x, atol=1e-3)


@pytest.mark.parametrize("name", COLORS)
def test_double_precision_stays(name):
    x = RNG.uniform(size=(5, 9, 9, 3))
    assert COLORS[name](x, 0.5, SIGNS).dtype == "float64"
