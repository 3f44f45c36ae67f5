import numpy as np
import pytest
from contracts import same
from PIL import Image

from kdl.data import load, photographs
from kdl.data.sources.load import load_to_test
from kdl.data.sources.photographs import larger, read_photographs

pytestmark = pytest.mark.one_backend


@pytest.fixture(scope="module")
def splits():
    return photographs(patches=50)


@pytest.fixture
def folder(tmp_path):
    """Five photographs of three sizes, one in a folder of its own."""
    rng = np.random.default_rng(0)
    (tmp_path / "photos" / "more").mkdir(parents=True)
    sizes = [(60, 70), (64, 61), (90, 50), (60, 70), (60, 70)]
    for n, size in enumerate(sizes):
        pixels = rng.integers(0, 256, (*size, 3), "uint8")
        place = "more" if n == 4 else ""
        Image.fromarray(pixels).save(tmp_path / "photos" / place / f"{n}.png")
    return tmp_path / "photos"


def reduced(image, factor):
    """By Pillow, of floats."""
    pixels = np.rint(255 * image).astype("uint8")
    height, width = (side // factor for side in pixels.shape[:2])
    small = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(small) / np.float32(255)


class TestPhotographs:
    @pytest.mark.parametrize("factor", [2, 3, 4, 8])
    def test_are_small_and_large(self, factor):
        splits = photographs(factor=factor, patches=10)
        side = 24 * factor
        shapes = [(10, side, side, 3), (2, 384, 384, 3), (3, 384, 384, 3)]
        for (x, y), (count, height, width, _) in zip(splits, shapes, strict=True):
            assert y.shape == (count, height, width, 3)
            assert x.shape == (count, height // factor, width // factor, 3)
            for images in (x, y):
                assert images.dtype == "float32"
                assert images.min() >= 0 and images.max() <= 1

    def test_small_ones_are_large_ones_scaled_down(self, splits):
        for x, y in splits[1:]:
            for small, large in zip(x, y, strict=True):
                np.testing.assert_allclose(small, reduced(large, 2), atol=1e-6)
        # Of a patch, the border was scaled down with its neighbours.
        for small, large in zip(*splits.train, strict=True):
            inner = (slice(2, -2),) * 2
            desired = reduced(large, 2)[inner]
            np.testing.assert_allclose(small[inner], desired, atol=1.01 / 255)

    def test_patches_are_those_of_the_seed(self, splits):
        assert same(photographs(patches=50), splits)
        other = photographs(1, patches=50)
        assert not same(other.train, splits.train)
        assert same(other[1:], splits[1:])

    def test_may_be_grey(self):
        (x, y), *held_out = photographs(patches=4, channels=1)
        assert x.shape == (4, 24, 24, 1) and y.shape == (4, 48, 48, 1)
        assert all(images.shape[-1] == 1 for part in held_out for images in part)

    def test_are_a_source_with_options(self, splits):
        assert same(load("photographs?patches=50"), splits)
        assert load("photographs").train[0].shape == (2000, 24, 24, 3)
        x, y = load("photographs?factor=4&patches=5&channels=1").train
        assert x.shape == (5, 24, 24, 1) and y.shape == (5, 96, 96, 1)
        assert load("photographs?factor=4").train[0].shape == (1000, 24, 24, 3)
        assert same(load_to_test("photographs?patches=50", 0, None).test, splits.test)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("factor=5", "2, 3, 4 or 8 as its option 'factor'"),
            ("patches=0", "an integer of 1 or more as its option 'patches'"),
            ("channels=2", "1 or 3 as its option 'channels'"),
        ],
    )
    def test_refuse_other_options(self, options, message):
        source = f"photographs?{options}"
        with pytest.raises(ValueError) as error:
            load(source)
        assert str(error.value) == (
            f"`source` must have {message}. Received: source={source!r}"
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"seed": -1}, "`seed` must be an integer in [0, 4294967296)"),
            ({"factor": 5}, "`factor` must be one of 2, 3, 4, 8"),
            ({"patches": 0}, "`patches` must be an integer in [1, inf)"),
            ({"channels": 2}, "`channels` must be one of 1, 3"),
        ],
    )
    def test_refuse_bad_arguments(self, arguments, message):
        ((name, value),) = arguments.items()
        with pytest.raises(ValueError) as error:
            photographs(**arguments)
        assert str(error.value) == f"{message}. Received: {name}={value}"


class TestFolder:
    def test_is_split_by_photographs(self, folder):
        splits = load(f"photographs:{folder}?patches=20")
        (x, y), validation, test = splits
        assert x.shape == (20, 24, 24, 3) and y.shape == (20, 48, 48, 3)
        assert len(validation[1]) == len(test[1]) == 1
        for small, large in (validation, test):
            assert large.shape[1] == 2 * small.shape[1]
        assert same(read_photographs(folder, patches=20), splits)
        assert not same(read_photographs(folder, 1, patches=20).train, splits.train)
        whole = load_to_test(f"photographs:{folder}", 0, None)
        # What all have in common.
        assert whole.test[1].shape == (5, 60, 50, 3)

    def test_large_photographs_are_scaled_down(self, folder):
        pixels = np.zeros((512, 2048, 3), "uint8")
        for n in range(5):
            Image.fromarray(pixels).save(folder / f"{n}.png")
        (folder / "more" / "4.png").unlink()
        x, _ = read_photographs(folder, to_test=True).test
        assert x.shape == (5, 128, 192, 3)

    def test_refuses_what_cannot_be_learned_from(self, folder):
        for path in ("nowhere", folder / "0.png"):
            with pytest.raises(ValueError) as error:
                load(f"photographs:{path}")
            assert str(error.value) == f"{path} must be a folder of photographs."
        for n in (0, 1, 2):
            (folder / f"{n}.png").unlink()
        with pytest.raises(ValueError) as error:
            read_photographs(folder)
        assert str(error.value) == (
            f"{folder} must have three photographs or more, to train, validate and "
            "test on. Received: 2"
        )
        Image.fromarray(np.zeros((47, 60), "uint8")).save(folder / "0.png")
        with pytest.raises(ValueError) as error:
            read_photographs(folder)
        assert str(error.value) == (
            f"{folder / '0.png'} must have 48 pixels a side or more, for a factor of "
            "2. Received: 47 x 60"
        )


def test_larger_is_pillow_s_bicubic_interpolation(splits):
    x, _ = splits.test
    pixels = np.rint(255 * x[0]).astype("uint8")
    desired = Image.fromarray(pixels).resize((384, 384), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(np.rint(255 * larger(x, 2)[0]), np.asarray(desired))
