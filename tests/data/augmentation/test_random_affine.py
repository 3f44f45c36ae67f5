import numpy as np
import pytest
import scipy.ndimage
from contracts import Contract

from kdl.data import RandomAffine

pytestmark = pytest.mark.one_backend


class TestRandomAffine(Contract):
    component = RandomAffine
    maps = {"shift": 0.5, "rotation": 10.0, "zoom": 0.1, "shear": 0.2}
    arguments = {**maps, "masks": True, "mask_fill": 255.0}
    refused = [
        ({"shift": -1}, "`shift` must be a number in [0, inf). Received: shift=-1"),
        (
            {"rotation": 181},
            "`rotation` must be a number in [0, 180]. Received: rotation=181",
        ),
        ({"zoom": 1}, "`zoom` must be a number in [0, 1). Received: zoom=1"),
        ({"shear": "0"}, "`shear` must be a number in [0, 1]. Received: shear='0'"),
        ({"masks": 1}, "`masks` must be one of True, False. Received: masks=1"),
        (
            {"mask_fill": "x"},
            "`mask_fill` must be a number in (-inf, inf). Received: mask_fill='x'",
        ),
    ]
    images = np.random.default_rng(1).uniform(size=(500, 9, 7, 2)).astype("float32")

    def warped(self, seed=0, **arguments):
        warp = RandomAffine(**{"shift": 0.0, **arguments})
        y = np.arange(len(self.images))
        x, same_y = warp(self.images, y, np.random.default_rng(seed))
        assert same_y is y and x.dtype == "float32" and x.shape == self.images.shape
        return x

    def test_nothing_asked_is_nothing_done(self):
        np.testing.assert_array_equal(self.warped(), self.images)

    def test_a_whole_shift_moves_pixels_and_fills_with_zeros(self):
        class Up:
            def uniform(self, low, high, size):
                """The ends of every interval: a shift by one pixel, down and right."""
                return np.full(size, high, "float64")

        moved, _ = RandomAffine(shift=1)(self.images, None, Up())
        np.testing.assert_allclose(moved[:, 1:, 1:], self.images[:, :-1, :-1])
        assert not moved[:, 0].any() and not moved[:, :, 0].any()

    @pytest.mark.parametrize(
        ("arguments", "matrix"),
        [
            # Axes are rows and columns; angles turn rows towards columns.
            ({"rotation": 90}, [[0, -1], [1, 0]]),
            ({"zoom": 0.25}, [[1.25, 0], [0, 1.25]]),
            ({"shear": 0.5}, [[1, 0], [0.5, 1]]),
        ],
    )
    def test_is_scipy_s_affine_transform(self, arguments, matrix):
        class Up:
            def uniform(self, low, high, size):
                return np.full(size, high, "float64")

        x = self.images[:3]
        warped, _ = RandomAffine(**{"shift": 0.0, **arguments})(x, None, Up())
        inverse, centre = np.linalg.inv(matrix), np.array([4.0, 3.0])
        for image, actual in zip(x[..., 0], warped[..., 0], strict=True):
            desired = scipy.ndimage.affine_transform(
                image,
                inverse,
                offset=centre - inverse @ centre,
                order=1,
                mode="grid-constant",
            )
            np.testing.assert_allclose(actual, desired, atol=1e-6)

    def test_each_image_has_a_map_of_its_own(self):
        x = np.repeat(self.images[:1], 8, axis=0)
        warp = RandomAffine(**self.maps)
        warped, _ = warp(x, None, np.random.default_rng(0))
        assert len(np.unique(warped.reshape(8, -1), axis=0)) == 8

    def test_shifts_are_uniform(self):
        # The centre of mass of a lone pixel moves as the image does.
        x = np.zeros((2000, 9, 9, 1), "float32")
        x[:, 4, 4] = 1
        x, _ = RandomAffine(shift=2)(x, None, np.random.default_rng(0))
        rows = (x[..., 0].sum(2) * np.arange(9)).sum(1) - 4
        assert rows.min() > -2 and rows.max() < 2
        # Of 2,000 draws from U(-2, 2): standard errors of 0.026 and 0.027.
        assert abs(rows.mean()) < 0.1
        assert abs(rows.var() - 4**2 / 12) < 0.11

    def test_generator_decides(self):
        options = self.maps
        np.testing.assert_array_equal(
            self.warped(3, **options), self.warped(3, **options)
        )
        assert (self.warped(3, **options) != self.warped(4, **options)).any()
