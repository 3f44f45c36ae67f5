import numpy as np
import pytest
from contracts import Contract

from kdl.data import RandomCrop

pytestmark = pytest.mark.one_backend


class TestRandomCrop(Contract):
    component = RandomCrop
    arguments = {
        "height": 5,
        "width": 4,
        "padding": 2,
        "masks": True,
        "mask_fill": 255.0,
    }
    refused = [
        (
            {"height": 0},
            "`height` must be an integer in [1, inf). Received: height=0",
        ),
        ({"width": 2.0}, "`width` must be an integer in [1, inf). Received: width=2.0"),
        (
            {"padding": -1},
            "`padding` must be an integer in [0, inf). Received: padding=-1",
        ),
        ({"masks": 1}, "`masks` must be one of True, False. Received: masks=1"),
        (
            {"mask_fill": None},
            "`mask_fill` must be a number in (-inf, inf). Received: mask_fill=None",
        ),
    ]
    # Each pixel of an image has a value of its own, from 1.
    image = np.arange(1, 1 + 6 * 5 * 2, dtype="float32").reshape(6, 5, 2)

    def cropped(self, height, width, padding=0, count=3000, seed=0):
        x = np.repeat(self.image[None], count, axis=0)
        y = np.arange(count)
        crop = RandomCrop(height, width, padding)
        x, same_y = crop(x, y, np.random.default_rng(seed))
        assert same_y is y and x.dtype == "float32"
        assert x.shape == (count, height, width, 2)
        return x

    @pytest.mark.parametrize(
        ("height", "width", "padding"), [(4, 3, 0), (6, 5, 1), (3, 5, 2)]
    )
    def test_pieces_of_all_places_are_alike_likely(self, height, width, padding):
        framed = np.zeros((6 + 2 * padding, 5 + 2 * padding, 2), "float32")
        framed[padding : padding + 6, padding : padding + 5] = self.image
        pieces = [
            framed[top : top + height, left : left + width]
            for top in range(len(framed) - height + 1)
            for left in range(framed.shape[1] - width + 1)
        ]
        x = self.cropped(height, width, padding)
        counts = np.array([(x == piece).all((1, 2, 3)).sum() for piece in pieces])
        assert counts.sum() == len(x)
        # In standard errors of a binomial count.
        rate = 1 / len(pieces)
        errors = (counts - rate * len(x)) / np.sqrt(len(x) * rate * (1 - rate))
        assert np.abs(errors).max() < 4

    def test_the_whole_image_is_one_place(self):
        assert (self.cropped(6, 5) == self.image).all()

    def test_refuses_images_that_are_too_small(self):
        with pytest.raises(ValueError) as error:
            self.cropped(9, 5, 1)
        assert str(error.value) == (
            "`x` must hold images of at least 9 by 5 pixels with their padding of 1. "
            "Received: x of shape (3000, 6, 5, 2)"
        )
