"""Images from files."""

import numpy as np
import pytest
from PIL import Image

from kdl.recipes.reading.image_files import read_image

pytestmark = pytest.mark.one_backend


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype("uint8")


def save(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def test_pixels_are_as_saved(tmp_path, pixels):
    path = save(tmp_path / "a.png", pixels)
    found = read_image(path, (6, 5, 3))
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, pixels / 255, atol=1e-6)
    path = save(tmp_path / "b.png", pixels[..., 0])
    np.testing.assert_allclose(
        read_image(path, (6, 5, 1))[..., 0], pixels[..., 0] / 255
    )
    # Grey becomes colour, and the other way round.
    assert np.ptp(read_image(path, (6, 5, 3)), axis=-1).max() == 0
    assert read_image(tmp_path / "a.png", (6, 5, 1)).shape == (6, 5, 1)


def test_images_are_scaled(tmp_path):
    path = save(tmp_path / "a.jpg", np.full((64, 48, 3), 100, "uint8"))
    found = read_image(path, (8, 10, 3))
    assert found.shape == (8, 10, 3)
    np.testing.assert_allclose(found, 100 / 255, atol=0.02)


def test_transparent_is_white_and_16_bits_are_scaled(tmp_path):
    clear = np.zeros((2, 2, 4), "uint8")
    clear[0, 0] = 0, 0, 0, 255
    found = read_image(save(tmp_path / "a.png", clear), (2, 2, 1))
    np.testing.assert_allclose(found[..., 0], [[0, 1], [1, 1]])
    deep = np.array([[0, 65535], [32768, 256]], "uint16")
    found = read_image(save(tmp_path / "b.png", deep), (2, 2, 1))
    np.testing.assert_allclose(found[..., 0], deep / 65535, atol=0.005)


def test_images_are_turned_as_cameras_say(tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by 90 degrees to the right.
    path = save(tmp_path / "a.png", pixels, exif=exif)
    found = read_image(path, (5, 6, 3))
    np.testing.assert_allclose(found, np.rot90(pixels, -1) / 255, atol=1e-6)


def test_a_damaged_file_is_named(tmp_path, pixels):
    path = save(tmp_path / "a.png", pixels)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"a\.png is no image that can be read: "):
        read_image(path, (6, 5, 3))
