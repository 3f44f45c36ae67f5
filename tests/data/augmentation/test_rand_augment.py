import numpy as np
import pytest
import scipy.ndimage
from contracts import Contract

from kdl.data import RandAugment
from kdl.data.augmentation.operations import COLORS

pytestmark = pytest.mark.one_backend

MAPS = ["rotate", "shear_x", "shear_y", "translate_x", "translate_y"]
NAMES = ", ".join(map(repr, [*COLORS, *MAPS]))
RNG = np.random.default_rng(1)
X = (RNG.integers(0, 256, (400, 20, 15, 3)) / 255).astype("float32")


def augmented(count=1, strength=0.5, operations=None, x=X, seed=0):
    y = np.arange(len(x))
    augment = RandAugment(count, strength, operations)
    result, same_y = augment(x, y, np.random.default_rng(seed))
    assert same_y is y and result.dtype == x.dtype and result.shape == x.shape
    return result


class TestRandAugment(Contract):
    component = RandAugment
    arguments = {
        "count": 3,
        "strength": 0.5,
        "operations": ("rotate", "solarize"),
        "masks": True,
        "mask_fill": 255.0,
    }
    refused = [
        ({"count": 0}, "`count` must be an integer in [1, inf). Received: count=0"),
        (
            {"strength": 1.5},
            "`strength` must be a number in [0, 1]. Received: strength=1.5",
        ),
        (
            {"operations": ["rotate", "posterise"]},
            f"`operations` must be a list of one or more of {NAMES}. "
            "Received: operations=['rotate', 'posterise']",
        ),
        (
            {"operations": []},
            f"`operations` must be a list of one or more of {NAMES}. "
            "Received: operations=[]",
        ),
        ({"masks": 1}, "`masks` must be one of True, False. Received: masks=1"),
        (
            {"mask_fill": "x"},
            "`mask_fill` must be a number in (-inf, inf). Received: mask_fill='x'",
        ),
    ]

    @pytest.mark.parametrize(
        ("name", "matrix", "shift"),
        [
            # Axes are rows and columns; strength is one half.
            ("rotate", [[0.9659258, -0.258819], [0.258819, 0.9659258]], [0, 0]),
            ("shear_x", [[1, 0], [0.15, 1]], [0, 0]),
            ("shear_y", [[1, 0.15], [0, 1]], [0, 0]),
            ("translate_x", [[1, 0], [0, 1]], [0, 0.225 * 15]),
            ("translate_y", [[1, 0], [0, 1]], [0.225 * 20, 0]),
        ],
    )
    def test_maps_are_scipy_s_both_ways(self, name, matrix, shift):
        actual = augmented(operations=[name])
        matrix, shift = np.array(matrix), np.array(shift)
        centre, ways = np.array([9.5, 7.0]), []
        for way in (1, -1):
            inverse = np.linalg.inv(np.where(np.eye(2), matrix, way * matrix))
            offset = centre - inverse @ (centre + way * shift)
            desired = np.zeros_like(X)
            for i in range(len(X)):
                for channel in range(3):
                    desired[i, ..., channel] = scipy.ndimage.affine_transform(
                        X[i, ..., channel],
                        inverse,
                        offset=offset,
                        order=1,
                        mode="grid-constant",
                    )
            ways.append(np.abs(actual - desired).max((1, 2, 3)) < 1e-5)
        assert (ways[0] | ways[1]).all()
        # The standard error is 0.025.
        assert ways[0].mean() == pytest.approx(0.5, abs=0.1)

    @pytest.mark.parametrize("name", COLORS)
    def test_colors_are_changed_both_ways(self, name):
        actual = augmented(operations=[name])
        ones = np.ones(len(X))
        up, down = (
            np.isclose(actual, COLORS[name](X, 0.5, sign), atol=1e-6).all((1, 2, 3))
            for sign in (ones, -ones)
        )
        assert (up | down).all()
        if name in ("brightness", "contrast", "sharpness", "color"):
            # The standard error is 0.025.
            assert up.mean() == pytest.approx(0.5, abs=0.1)

    def test_operations_are_alike_likely(self):
        """Told from each other by what they make of one image."""
        x = np.repeat(X[:1], 6000, axis=0)
        actual = augmented(x=x)
        total, rate = 0, 1 / 14
        for name in [*COLORS, *MAPS]:
            made = np.unique(augmented(operations=[name], x=x[:20]), axis=0)
            assert len(made) <= 2
            count = sum(
                np.isclose(actual, one, atol=1e-6).all((1, 2, 3)).sum() for one in made
            )
            # In standard errors of a binomial count.
            error = (count - 6000 * rate) / np.sqrt(6000 * rate * (1 - rate))
            assert abs(error) < 4, name
            total += count
        assert total == 6000

    def test_count_operations_follow_each_other(self):
        """Inverting twice is doing nothing."""
        options = {"operations": ["solarize"], "strength": 1.0}
        np.testing.assert_allclose(augmented(1, **options), 1 - X, atol=1e-6)
        np.testing.assert_allclose(augmented(2, **options), X, atol=1e-6)
        np.testing.assert_allclose(augmented(3, **options), 1 - X, atol=1e-6)

    def test_strength_0_changes_nothing_but_by_what_has_no_strength(self):
        names = [
            name
            for name in [*COLORS, *MAPS]
            if name not in ("autocontrast", "equalize")
        ]
        x = augmented(3, 0.0, names)
        np.testing.assert_allclose(x, X, atol=1e-6)
        assert np.abs(augmented(1, 0.0, ["equalize"]) - X).max() > 0.01

    def test_images_of_one_channel(self):
        x = augmented(2, x=X[..., :1])
        assert (x != X[..., :1]).any()
        assert x.min() >= 0 and x.max() <= 1

    def test_colors_leave_masks_as_they_are(self):
        masks = RNG.integers(0, 5, X.shape[:3])
        augment = RandAugment(2, 0.5, list(COLORS), masks=True)
        x, y = augment(X, masks, np.random.default_rng(0))
        np.testing.assert_array_equal(y, masks)
        assert (x != X).any()

    @pytest.mark.parametrize(
        ("x", "received"),
        [
            (
                np.full((2, 4, 4, 1), 255, "uint8"),
                "(2, 4, 4, 1) and dtype uint8, with values from 255 to 255",
            ),
            (
                np.ones((2, 4, 4, 2)),
                "(2, 4, 4, 2) and dtype float64, with values from 1.0 to 1.0",
            ),
            (
                np.full((2, 4, 4, 3), -0.5),
                "(2, 4, 4, 3) and dtype float64, with values from -0.5 to -0.5",
            ),
        ],
    )
    def test_refuses_other_images(self, x, received):
        with pytest.raises(ValueError) as error:
            RandAugment()(x, None, np.random.default_rng(0))
        assert str(error.value) == (
            "`x` must hold images of floats in [0, 1], of 1 or 3 channels. "
            f"Received: x of shape {received}"
        )
