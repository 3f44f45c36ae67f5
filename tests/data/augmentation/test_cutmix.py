import numpy as np
import pytest
from contracts import Contract

from kdl.data import CutMix

pytestmark = pytest.mark.one_backend

COUNT, HEIGHT, WIDTH = 3000, 10, 6
# The pixels of each image are its number.
X = np.broadcast_to(np.arange(COUNT)[:, None, None, None], (COUNT, HEIGHT, WIDTH, 2))
X = X.astype("float32")
LABELS = np.arange(COUNT) % 3


def by_the_paper(alpha):
    """Partners and boxes, by the pseudocode of the paper, one image after another."""
    rng = np.random.default_rng(0)
    lam, other = rng.beta(alpha, alpha, COUNT), rng.permutation(COUNT)
    rows, columns = rng.integers(HEIGHT, size=COUNT), rng.integers(WIDTH, size=COUNT)
    is_other = np.zeros((COUNT, HEIGHT, WIDTH), bool)
    for i in range(COUNT):
        height = round(HEIGHT * (1 - lam[i]) ** 0.5)
        width = round(WIDTH * (1 - lam[i]) ** 0.5)
        top, left = rows[i] - height // 2, columns[i] - width // 2
        is_other[
            i, max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)
        ] = True
    return lam, other, is_other


class TestCutMix(Contract):
    component = CutMix
    arguments = {"num_classes": 3, "alpha": 0.4, "masks": True}
    refused = [
        (
            {"num_classes": 1},
            "`num_classes` must be an integer in [2, inf). Received: num_classes=1",
        ),
        (
            {"num_classes": None, "masks": False},
            "`num_classes` must be an integer in [2, inf). Received: num_classes=None",
        ),
        ({"alpha": 0}, "`alpha` must be a number in (0, inf). Received: alpha=0"),
        ({"masks": 1}, "`masks` must be one of True, False. Received: masks=1"),
    ]

    @pytest.mark.parametrize("alpha", [0.3, 1.0])
    def test_is_the_paper_s(self, alpha):
        x, y = CutMix(3, alpha)(X, LABELS, np.random.default_rng(0))
        _, other, is_other = by_the_paper(alpha)
        desired = np.where(is_other[..., None], X[other], X)
        np.testing.assert_array_equal(x, desired)
        share = is_other.mean((1, 2))[:, None]
        desired = (1 - share) * np.eye(3)[LABELS] + share * np.eye(3)[LABELS[other]]
        np.testing.assert_allclose(y, desired, atol=1e-6)
        assert x.dtype == y.dtype == "float32"

    def test_targets_are_the_shares_of_pixels(self):
        x, y = CutMix(3)(X, LABELS, np.random.default_rng(0))
        desired = [
            [(image % 3 == label).mean() for label in range(3)] for image in x[..., 0]
        ]
        np.testing.assert_allclose(y, desired, atol=1e-6)

    def test_boxes_within_the_image_have_the_area_that_was_drawn(self):
        """Up to rounding; those that are cut off have less."""
        x, _ = CutMix(3)(X, LABELS, np.random.default_rng(0))
        lam = by_the_paper(1.0)[0]
        is_other = x[..., 0] != X[..., 0]
        edge = is_other[:, [0, -1]].any((1, 2)) | is_other[:, :, [0, -1]].any((1, 2))
        within = ~edge & is_other.any((1, 2))
        share = is_other.mean((1, 2))
        assert within.sum() > 200
        # Each side is rounded by half a pixel at most.
        sides = np.sqrt(1 - lam)
        most = (sides + 0.5 / HEIGHT) * (sides + 0.5 / WIDTH)
        assert (share <= most + 1e-9).all()
        assert (share[within] >= ((2 * sides**2) - most)[within] - 1e-9).all()

    def test_cuts_masks_as_images(self):
        masks = X.astype("int32")
        x, y = CutMix(masks=True)(X, masks, np.random.default_rng(0))
        np.testing.assert_array_equal(x, y)
        assert y.dtype == "int32" and (x != X).any()
        _, y = CutMix(masks=True)(X, masks[..., 0], np.random.default_rng(0))
        np.testing.assert_array_equal(x[..., 0], y)

    def test_one_hot_labels_are_labels(self):
        x, y = CutMix(3)(X, LABELS, np.random.default_rng(0))
        soft_x, soft_y = CutMix(3)(X, np.eye(3)[LABELS], np.random.default_rng(0))
        np.testing.assert_array_equal(soft_x, x)
        np.testing.assert_array_equal(soft_y, y)

    @pytest.mark.parametrize(
        ("arguments", "x", "y", "message"),
        [
            (
                {"num_classes": 3},
                X[..., 0],
                LABELS,
                "`x` must hold images, of shape (batch, height, width, channels). "
                "Received: x of shape (3000, 10, 6)",
            ),
            (
                {"num_classes": 2},
                X,
                LABELS,
                "`y` must hold one label per example, each one of 0 to 1, or shares of "
                "the classes, of shape (batch, 2). "
                "Received: y of shape (3000,), with values from 0 to 2",
            ),
            (
                {"masks": True},
                X,
                LABELS,
                "`y` must hold a mask of numbers for each image, of shape (3000, 10, "
                "6), with or without an axis of channels. "
                "Received: y of shape (3000,) and dtype int64",
            ),
        ],
    )
    def test_refuses_bad_batches(self, arguments, x, y, message):
        with pytest.raises(ValueError) as error:
            CutMix(**arguments)(x, y, np.random.default_rng(0))
        assert str(error.value) == message


class TestWeights:
    weight = np.random.default_rng(1).uniform(0, 2, COUNT) * (LABELS > 0)

    def test_the_cross_entropy_is_the_blend_of_the_weighted_ones(self):
        log_p = np.log(np.random.default_rng(2).dirichlet(np.ones(3), COUNT))
        rng = np.random.default_rng(0)
        _, y, mixed = CutMix(3)(X, LABELS, rng, self.weight)
        _, other, is_other = by_the_paper(1.0)
        own, second = (
            -self.weight[rows] * log_p[np.arange(COUNT), LABELS[rows]]
            for rows in (np.arange(COUNT), other)
        )
        share = is_other.mean((1, 2))
        desired = (1 - share) * own + share * second
        np.testing.assert_allclose(mixed * -(y * log_p).sum(1), desired, rtol=2e-5)

    def test_each_pixel_of_a_mask_has_that_of_its_image(self):
        masks = X[..., 0].astype("int32")
        cut = CutMix(masks=True)
        _, y, mixed = cut(X, masks, np.random.default_rng(0), self.weight)
        np.testing.assert_allclose(mixed, self.weight[y], rtol=1e-6)
        spread = self.weight[:, None, None]
        *_, of_spread = cut(X, masks, np.random.default_rng(0), spread)
        np.testing.assert_array_equal(of_spread, mixed)
        # So have weights of pixels.
        pixels = self.weight[masks] + np.arange(WIDTH)
        _, _, of_pixels = cut(X, masks, np.random.default_rng(0), pixels)
        np.testing.assert_allclose(of_pixels, mixed + np.arange(WIDTH), rtol=1e-5)
