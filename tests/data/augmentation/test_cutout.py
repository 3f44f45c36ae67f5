import numpy as np
import pytest
from contracts import Contract

from kdl.data import Cutout

pytestmark = pytest.mark.one_backend

SIZE = (
    "`size` must be an integer in [1, inf), of pixels, or a number in (0, 1), a share "
    "of each side. "
)


class TestCutout(Contract):
    component = Cutout
    arguments = {"size": 0.25, "holes": 3, "fill": 0.5}
    alternatives = {"size": [4]}
    refused = [
        ({"size": 0}, f"{SIZE}Received: size=0"),
        ({"size": 1.0}, f"{SIZE}Received: size=1.0"),
        ({"size": True}, f"{SIZE}Received: size=True"),
        ({"holes": 0}, "`holes` must be an integer in [1, inf). Received: holes=0"),
        (
            {"fill": "mean"},
            "`fill` must be a number in (-inf, inf). Received: fill='mean'",
        ),
    ]

    def holes(self, count=4000, shape=(12, 8), **arguments):
        """Which pixels of each image are filled."""
        x = np.ones((count, *shape, 2), "float32")
        y = np.arange(count)
        x, same_y = Cutout(**arguments)(x, y, np.random.default_rng(0))
        assert same_y is y and x.dtype == "float32"
        assert (x[..., 0] == x[..., 1]).all()
        return x[..., 0] == arguments.get("fill", 0.0)

    @pytest.mark.parametrize(
        ("size", "sides"), [(5, (5, 5)), (4, (4, 4)), (0.25, (3, 2)), (1, (1, 1))]
    )
    def test_centres_are_uniform(self, size, sides):
        """The paper's rule, pixel by pixel: a hole covers those near its centre."""
        is_hole = self.holes(size=size, fill=0.5)
        desired = np.zeros((12, 8))
        for row in range(12):
            for column in range(8):
                top, left = row - sides[0] // 2, column - sides[1] // 2
                inside = np.s_[
                    max(top, 0) : top + sides[0], max(left, 0) : left + sides[1]
                ]
                desired[inside] += 1 / 96
        error = np.sqrt(desired * (1 - desired) / len(is_hole))
        assert (np.abs(is_hole.mean(0) - desired) < 4.5 * error).all()

    def test_holes_are_boxes_cut_at_the_edges(self):
        for hole in self.holes(count=300, size=5):
            for axis, length in ((1, 12), (0, 8)):
                (places,) = np.nonzero(hole.any(axis))
                side = places[-1] - places[0] + 1
                is_cut = places[0] == 0 or places[-1] == length - 1
                assert side == 5 or (is_cut and 2 < side < 5)
            assert hole.sum() == hole.any(0).sum() * hole.any(1).sum()

    def test_several_holes_cover_more(self):
        one, three = (self.holes(size=2, holes=n).mean(0) for n in (1, 3))
        # Independent holes; the standard error of a pixel is below 0.004.
        np.testing.assert_allclose(three, 1 - (1 - one) ** 3, atol=0.025)

    def test_a_share_is_at_least_a_pixel(self):
        assert (self.holes(size=0.01).sum((1, 2)) == 1).all()

    def test_a_hole_may_be_larger_than_the_image(self):
        assert self.holes(size=100).all()

    def test_keeps_images_of_integers(self):
        x = np.full((5, 4, 4, 1), 7, "uint8")
        x, _ = Cutout(2, fill=255)(x, None, np.random.default_rng(0))
        assert x.dtype == "uint8" and set(np.unique(x)) == {7, 255}

    def test_refuses_what_are_no_images(self):
        with pytest.raises(ValueError) as error:
            Cutout(2)(np.ones((5, 4, 4)), None, np.random.default_rng(0))
        assert str(error.value) == (
            "`x` must hold images, of shape (batch, height, width, channels). "
            "Received: x of shape (5, 4, 4)"
        )
