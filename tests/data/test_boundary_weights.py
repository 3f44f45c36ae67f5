import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.utils.class_weight import compute_class_weight

from kdl.data import Batches, boundary_weights

pytestmark = pytest.mark.one_backend


def discs(size, *centres, radius=3):
    """A mask of discs, whose classes are 1, 2 and so on."""
    mask = np.zeros((size, size), int)
    rows, columns = np.ogrid[:size, :size]
    for n, (row, column) in enumerate(centres, 1):
        mask[np.hypot(rows - row, columns - column) <= radius] = n
    return mask


def test_is_the_formula_of_the_paper():
    """With distances to all pixels of each object, instead of a transform."""
    mask = discs(24, (5, 5), (14, 6), (10, 18))
    background = np.argwhere(mask == 0)
    distances = [cdist(background, np.argwhere(mask == n)).min(1) for n in (1, 2, 3)]
    d1, d2, _ = np.sort(distances, axis=0)
    classes = np.arange(4)
    balance = compute_class_weight("balanced", classes=classes, y=mask.ravel())
    desired = balance[mask]
    desired[mask == 0] += 7 * np.exp(-((d1 + d2) ** 2) / (2 * 4**2))
    (actual,) = boundary_weights(mask[None], strength=7.0, width=4.0)
    assert actual.dtype == "float32"
    np.testing.assert_allclose(actual, desired, rtol=1e-6)


def test_is_largest_in_the_narrowest_gap():
    mask = np.minimum(discs(32, (8, 8), (8, 16), (24, 16)), 1)
    (weights,) = boundary_weights(mask[None])
    assert np.unravel_index(weights.argmax(), weights.shape) == (8, 12)


@pytest.mark.parametrize("objects", [(), ((6, 6),)])
def test_without_two_objects_classes_are_balanced_alone(objects):
    mask = discs(16, *objects)
    (weights,) = boundary_weights(mask[None], strength=100.0)
    np.testing.assert_allclose(weights.mean(), 1, rtol=1e-6)
    for value in np.unique(mask):
        share = weights[mask == value].sum() / weights.sum()
        np.testing.assert_allclose(share, 1 / len(np.unique(mask)), rtol=1e-6)


def test_each_mask_is_weighed_by_itself():
    masks = np.stack([discs(16, (4, 4)), discs(16, (4, 4), (4, 12)), discs(16)])
    weights = boundary_weights(masks)
    for mask, weight in zip(masks, weights, strict=True):
        np.testing.assert_array_equal(boundary_weights(mask[None])[0], weight)


def test_comes_with_the_batches():
    """A function of a batch may make weights where there were none."""
    masks = np.stack([discs(16, (4, 4)), discs(16, (4, 4), (4, 12))])

    def weigh(x, y, rng, sample_weight=None):
        return x, y, boundary_weights(y)

    (batch,) = Batches(masks[..., None], masks, shuffle=False, augment=[weigh])
    np.testing.assert_array_equal(batch[2], boundary_weights(masks))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"masks": np.zeros((4, 4), int)},
            "`masks` must be integers of shape (batch, height, width). "
            "Received: int64 (4, 4)",
        ),
        (
            {"masks": np.zeros((1, 4, 4))},
            "`masks` must be integers of shape (batch, height, width). "
            "Received: float64 (1, 4, 4)",
        ),
        (
            {"strength": -1},
            "`strength` must be a number in [0, inf). Received: strength=-1",
        ),
        ({"width": 0}, "`width` must be a number in (0, inf). Received: width=0"),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        boundary_weights(**{"masks": np.zeros((1, 4, 4), int), **arguments})
    assert str(error.value) == message
