import numpy as np
import pytest
from scored_models import RNG

from kdl.attribution import by_place

pytestmark = pytest.mark.one_backend


def planted(count=200, size=24, place=(0, 0)):
    """Attributions anywhere, and in one class of three a tenth of them in a corner."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, count)
    attributions = rng.normal(size=(count, size, size))
    rows, columns = place
    attributions[:, rows : rows + 3, columns : columns + 3] = 0
    attributions[labels == 2, rows : rows + 3, columns : columns + 3] = 5.0
    return attributions, labels


class TestByPlace:
    @pytest.mark.parametrize(
        ("place", "name"),
        [((0, 0), "top left"), ((21, 12), "bottom"), ((9, 9), "middle")],
    )
    def test_names_a_mark_in_one_class(self, place, name):
        attributions, labels = planted(place=place)
        found = by_place(attributions, labels, ["cat", "dog", "fish"])
        first = found.rows[0]
        assert (first["class"], first["place"]) == ("fish", name)
        assert first["field"] == [n // 3 for n in place]
        assert found.suspects == [first]

    def test_suspects_nothing_where_there_is_nothing(self):
        attributions = RNG.normal(size=(200, 24, 24))
        found = by_place(attributions, RNG.integers(0, 3, 200))
        assert found.suspects == []
        assert len(found.rows) == 3 * 64

    def test_numbers_are_means_of_shares(self):
        attributions, labels = RNG.normal(size=(60, 10, 8, 2)), np.arange(60) % 2
        found = by_place(attributions, labels)
        sizes = np.abs(attributions).sum(axis=-1)
        shares = sizes / sizes.sum(axis=(1, 2), keepdims=True)
        # Ten rows in eight fields begin at 0, 1, 2, 4, 5, 6, 8 and 9.
        assert found.shares.shape == (2, 8, 8)
        own = shares[labels == 1, 2:4, 3].sum(axis=1)
        others = shares[labels == 0, 2:4, 3].sum(axis=1)
        np.testing.assert_allclose(found.shares[1, 2, 3], own.mean())
        np.testing.assert_allclose(found.shares.sum(axis=(1, 2)), 1)
        (row,) = (r for r in found.rows if r["class"] == "1" and r["field"] == [2, 3])
        np.testing.assert_allclose(row["others"], others.mean())
        error = np.sqrt((own.var(ddof=1) + others.var(ddof=1)) / 30)
        np.testing.assert_allclose(row["standard_error"], error)
        least = 0.1 / 64
        divergence = own.mean() * np.log((own.mean() + least) / (others.mean() + least))
        np.testing.assert_allclose(row["divergence"], divergence)

    def test_says_how_much_is_on_the_object(self):
        attributions, labels = np.zeros((4, 6, 6)), np.array([0, 0, 1, 1])
        masks = np.zeros((4, 6, 6), int)
        masks[:, :3] = 1
        attributions[:2, 0, 0], attributions[:2, 5, 5] = 3.0, -1.0
        attributions[2, 1, 1] = 1.0
        # The fourth has no attribution at all, and does not count.
        found = by_place(attributions, labels, masks=masks)
        np.testing.assert_allclose(found.inside, [0.75, 1.0])
        np.testing.assert_allclose(found.covered, [0.5, 0.5])
        assert by_place(attributions, labels).inside is None

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                (np.ones((2, 2, 8)), [0, 1]),
                "`attributions` must be of images of 3 by 3 or more, of shape "
                "(examples, height, width) or (examples, height, width, channels). "
                "Received: shape=(2, 2, 8)",
            ),
            (
                (np.ones((2, 8, 8)), [0.0, 1.0]),
                "`labels` must be 2 integers, one for each example. Received: "
                "dtype=float64, shape=(2,)",
            ),
            (
                (np.ones((2, 8, 8)), [0, 2], ["a", "b"]),
                "`labels` must be in [0, 2), as there are classes. Received: labels "
                "from 0 to 2",
            ),
            (
                (np.ones((2, 8, 8)), [0, 1], None, np.ones((2, 8, 7))),
                "`masks` must have the shape of the attributions, (2, 8, 8). Received: "
                "shape=(2, 8, 7)",
            ),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(ValueError) as error:
            by_place(*arguments)
        assert str(error.value) == message
