import numpy as np
import pytest
from contracts import same
from scipy import ndimage
from skimage.filters import threshold_otsu

from kdl.data import load, nuclei

pytestmark = pytest.mark.one_backend


@pytest.fixture(scope="module")
def splits():
    return nuclei()


def whole(tiles, columns):
    """The image of tiles that stand beside each other."""
    size = tiles.shape[1]
    rows = tiles.reshape(-1, columns, size, size).swapaxes(1, 2)
    return rows.reshape(-1, columns * size)


class TestNuclei:
    def test_has_a_class_for_each_pixel(self, splits):
        assert splits.classes == ["background", "nucleus"]
        for (x, y), count in zip(splits, (77, 8, 32), strict=True):
            assert x.shape == (count, 64, 64, 1) and x.dtype == "float32"
            assert x.min() >= 0 and x.max() <= 1
            assert y.shape == (count, 64, 64) and y.dtype == "int32"
            assert set(np.unique(y)) == {0, 1}
        assert same(load("nuclei").test[0], splits.test[0])

    def test_parts_are_of_different_places(self, splits):
        """Of the left half, in its upper and its lower part, and of the right half."""
        image, mask = (whole(part, 4) for part in splits.test)
        assert image.shape == mask.shape == (512, 256)
        lower, _ = (whole(part, 4) for part in splits.validation)
        assert lower.shape == (128, 256)
        # Where one part ends and the next one begins, neighbouring pixels are alike.
        edges = np.abs(lower[:, -1] - image[384:, 0]).mean()
        assert edges < 0.3 * np.abs(lower - image[:128]).mean() + 0.01

    def test_training_tiles_overlap_by_half(self, splits):
        tiles = splits.train[0].reshape(11, 7, 64, 64)
        np.testing.assert_array_equal(tiles[:, :-1, :, 32:], tiles[:, 1:, :, :32])
        np.testing.assert_array_equal(tiles[:-1, :, 32:], tiles[1:, :, :32])

    def test_masks_are_where_it_is_bright(self, splits):
        """Otsu's threshold finds most of them."""
        image, mask = (whole(part, 4) for part in splits.test)
        found = image > threshold_otsu(image)
        iou = np.sum(found & (mask > 0)) / np.sum(found | (mask > 0))
        assert iou > 0.7
        assert 40 < ndimage.label(mask)[1] < 100

    @pytest.mark.parametrize("size", [32, 128])
    def test_tiles_of_other_sizes_hold_the_same(self, splits, size):
        other = nuclei(size)
        columns = 256 // size
        for part, pixels in zip(other.test, splits.test, strict=True):
            np.testing.assert_array_equal(whole(part, columns), whole(pixels, 4))

    def test_refuses_other_sizes(self):
        with pytest.raises(ValueError) as error:
            nuclei(48)
        assert (
            str(error.value) == "`size` must be one of 32, 64, 128. Received: size=48"
        )
