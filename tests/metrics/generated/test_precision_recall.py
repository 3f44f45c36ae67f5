import numpy as np
import pytest

from kdl.metrics import precision_recall
from kdl.metrics.generated import neighbours

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(60, 3))
GENERATED = 0.5 + 0.8 * RNG.normal(size=(45, 3))


def reach(points, place, count):
    """How far a point is from its `count`-th nearest other, one by one."""
    others = [p for n, p in enumerate(points) if n != place]
    return sorted(np.linalg.norm(points[place] - other) for other in others)[count - 1]


def share_within(points, others, count):
    """Share of the points in a ball around any of the others."""
    found = 0
    for point in points:
        found += any(
            np.linalg.norm(point - other) <= reach(others, place, count)
            for place, other in enumerate(others)
        )
    return found / len(points)


@pytest.mark.parametrize("count", [1, 3, 44])
def test_agrees_with_loops(count, monkeypatch):
    desired = [
        share_within(GENERATED, REAL, count),
        share_within(REAL, GENERATED, count),
    ]
    np.testing.assert_allclose(precision_recall(REAL, GENERATED, count), desired)
    # In blocks of one row and of several, of which the last is smaller.
    for at_once in (1, 400):
        monkeypatch.setattr(neighbours, "_AT_ONCE", at_once)
        np.testing.assert_allclose(precision_recall(REAL, GENERATED, count), desired)


def test_of_equal_sets_is_1():
    assert precision_recall(REAL, REAL.copy()) == (1, 1)
    # Also where the balls have no extent.
    twice = np.concatenate([REAL, REAL])
    assert precision_recall(twice, twice, 1) == (1, 1)


def test_of_sets_apart_is_0():
    assert precision_recall(REAL, REAL + 100) == (0, 0)


def test_of_a_part_is_precise_but_does_not_recall():
    precision, recall = precision_recall(REAL, REAL[REAL[:, 0] > 1], 3)
    assert precision == 1
    assert recall < 0.6


def test_refuses_more_neighbours_than_examples():
    for real, generated, name in (
        (REAL, GENERATED[:5], "generated"),
        (REAL[:5], GENERATED, "real"),
    ):
        with pytest.raises(ValueError) as error:
            precision_recall(real, generated, 5)
        assert str(error.value) == (
            f"`neighbours` must be less than the number of examples in `{name}`, 5. "
            "Received: neighbours=5"
        )
