import numpy as np
import pytest
import scipy.ndimage

from kdl.data.augmentation.warped import warped

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(1)
MATRICES = np.eye(2) + RNG.uniform(-0.5, 0.5, (20, 2, 2))
SHIFTS = RNG.uniform(-4, 4, (20, 2))


def by_scipy(x, order, fill):
    result = np.empty(x.shape)
    centre = (np.array(x.shape[1:3]) - 1) / 2
    for i, (matrix, shift) in enumerate(zip(MATRICES, SHIFTS, strict=True)):
        inverse = np.linalg.inv(matrix)
        for channel in range(x.shape[-1]):
            result[i, ..., channel] = scipy.ndimage.affine_transform(
                x[i, ..., channel].astype(float),
                inverse,
                offset=centre - inverse @ (centre + shift),
                order=order,
                mode="grid-constant",
                cval=fill,
            )
    return result


# Of the latter, all twenty images have more pixels than are resampled together.
@pytest.mark.parametrize("size", [(9, 7), (40, 30)])
@pytest.mark.parametrize("fill", [0, 0.7])
def test_is_scipy_s_bilinear_map(fill, size):
    x = RNG.uniform(size=(20, *size, 2)).astype("float32")
    actual = warped(x, MATRICES, SHIFTS, fill)
    assert actual.dtype == x.dtype
    np.testing.assert_allclose(actual, by_scipy(x, 1, fill), atol=1e-6)


@pytest.mark.parametrize("size", [(9, 7), (40, 30)])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_nearest_is_scipy_s_of_order_0(dtype, size):
    x = RNG.integers(0, 2 if dtype == "bool" else 9, (20, *size, 1)).astype(dtype)
    actual = warped(x, MATRICES, SHIFTS, 1, is_nearest=True)
    assert actual.dtype == x.dtype
    np.testing.assert_array_equal(actual, by_scipy(x, 0, 1))


def test_bytes_are_rounded():
    x = RNG.integers(0, 256, (20, 9, 7, 3)).astype("uint8")
    actual = warped(x, MATRICES, SHIFTS)
    assert actual.dtype == x.dtype
    difference = np.abs(actual - by_scipy(x, 1, 0))
    assert difference.max() <= 0.5 + 1e-3


def test_an_image_of_one_pixel():
    x = np.ones((1, 1, 1, 1), "float32")
    moved = warped(x, np.eye(2)[None], np.array([[0.25, 0.0]]))
    np.testing.assert_allclose(moved, 0.75)


def test_no_images():
    x = np.ones((0, 4, 4, 1), "float32")
    assert warped(x, np.empty((0, 2, 2)), np.empty((0, 2))).shape == x.shape
