import numpy as np
import pytest

from kdl.tuning.goals.front import knee, layers, order

pytestmark = pytest.mark.one_backend


def layers_by_hand(losses):
    """Takes away what nobody dominates, again and again."""
    left, numbers, number = set(range(len(losses))), {}, 0
    while left:
        front = [
            a
            for a in left
            if not any(
                (losses[b] <= losses[a]).all() and (losses[b] < losses[a]).any()
                for b in left
            )
        ]
        numbers |= dict.fromkeys(front, number)
        left -= set(front)
        number += 1
    return [numbers[n] for n in range(len(losses))]


class TestLayers:
    @pytest.mark.parametrize("objectives", [1, 2, 3])
    def test_are_those_by_hand(self, objectives):
        # Of few values, so that some points are equal.
        losses = np.random.default_rng(0).integers(0, 5, (30, objectives))
        assert list(layers(losses)) == layers_by_hand(losses)

    def test_come_in_order_and_each_by_one_objective(self):
        losses = np.random.default_rng(1).random((20, 2))
        for leading in (0, 1):
            found = order(losses, leading)
            keys = [(layers(losses)[n], losses[n, leading]) for n in found]
            assert keys == sorted(keys)


class TestKnee:
    def test_is_farthest_from_the_line_between_the_ends(self):
        angles = np.linspace(0, np.pi / 2, 31)
        front = np.c_[1 - np.cos(angles), 100 * (1 - np.sin(angles))]
        assert knee(front) == 15

    def test_does_not_depend_on_units(self):
        front = np.array([[0.0, 9.0], [1.0, 2.0], [2.0, 1.5], [6.0, 0.0]])
        scaled = front * [1e-3, 50.0] + [4.0, -7.0]
        assert knee(front) == knee(scaled) == 1

    def test_of_a_front_of_one_is_that_one(self):
        assert knee([[3.0, 4.0]]) == 0
