import keras
import numpy as np
import pytest
from contracts import array

from kdl.models import unet
from kdl.recipes.vision.tiles import reach, tiles

RNG = np.random.default_rng(0)


def network(filters=(4, 8, 16), depth=2, **options):
    """A U-Net whose normalizations have seen something."""
    model = unet((None, None, 1), 3, filters, depth, **options)
    for weight in model.weights:
        if "moving_mean" in weight.name:
            weight.assign(RNG.normal(0, 0.1, weight.shape))
        elif "kernel" in weight.name:
            scale = np.sqrt(1 / np.prod(weight.shape[:-1]))
            weight.assign(RNG.normal(0, scale, weight.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return network()


def tiled(model, image, side):
    outputs = np.full((*image.shape[:2], 3), np.nan, "float32")
    for rows, columns, part in tiles(model, image, side):
        # Each pixel once.
        assert np.isnan(outputs[rows, columns]).all()
        outputs[rows, columns] = part
    assert not np.isnan(outputs).any()
    return outputs


def image_of(height, width):
    return RNG.uniform(size=(height, width, 1)).astype("float32")


@pytest.mark.parametrize("side", [1, 7, 16, 40])
def test_tiles_have_no_seams(model, side):
    image = image_of(43, 37)
    whole = tiled(model, image, 256)
    assert whole.std() > 0.1
    np.testing.assert_allclose(tiled(model, image, side), whole, rtol=0, atol=1e-5)


def test_is_what_the_network_makes_of_the_reflected_image(model):
    _, margin = reach(model)
    image = image_of(48, 40)
    frame = (margin, margin), (margin, margin), (0, 0)
    reflected = np.pad(image, frame, mode="reflect")
    whole = array(model(reflected[np.newaxis]))[0, margin:-margin, margin:-margin]
    np.testing.assert_allclose(tiled(model, image, 16), whole, rtol=0, atol=1e-5)


def test_away_from_the_borders_is_the_whole_image(model):
    _, margin = reach(model)
    image = image_of(100, 90)
    whole = array(model(image[np.newaxis]))[0]
    inner = slice(margin, -margin), slice(margin, -margin)
    actual = tiled(model, image, 32)
    np.testing.assert_allclose(actual[inner], whole[inner], rtol=0, atol=1e-5)


@pytest.mark.one_backend
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 3), (1, 30), (5, 64)])
def test_images_may_be_smaller_than_what_the_network_sees(model, height, width):
    image = image_of(height, width)
    outputs = tiled(model, image, 16)
    np.testing.assert_allclose(tiled(model, image, 64), outputs, rtol=0, atol=1e-5)


@pytest.mark.one_backend
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("levels", [2, 3, 4])
def test_reach_is_as_far_as_an_input_is_felt(levels, depth):
    model = unet((None, None, 1), 3, [2] * levels, depth)
    for weight in model.trainable_weights:
        # Positive everywhere, so that nothing cancels or is cut off.
        weight.assign(np.ones(weight.shape))
    factor, margin = reach(model)
    assert factor == 2 ** (levels - 1) and margin % factor == 0
    size = 2 * margin + 2 * factor
    middle = size // 2
    felt = 0
    for place in range(middle, middle + factor):
        images = np.zeros((2, size, size, 1), "float32")
        images[1, place, place] = 1e3
        none, some = array(model(images))
        rows, columns = np.nonzero(np.abs(some - none).max(axis=-1) > 1e-6 * some.max())
        felt = max(felt, *np.abs(rows - place), *np.abs(columns - place))
    assert margin - 2 * factor < felt <= margin


@pytest.mark.one_backend
def test_reads_of_an_image_on_disk_what_a_tile_needs(model, tmp_path):
    image = image_of(64, 64)
    np.save(tmp_path / "image.npy", image)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    np.testing.assert_array_equal(tiled(model, mapped, 16), tiled(model, image, 16))


@pytest.mark.one_backend
def test_a_network_without_levels_sees_its_pixels_alone():
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Dense(3)])
    image = image_of(20, 30)
    np.testing.assert_allclose(
        tiled(model, image, 7), array(model(image[np.newaxis]))[0], rtol=1e-5
    )
