import numpy as np
import pytest
from contracts import Contract

from kdl.data import RandomFlip

pytestmark = pytest.mark.one_backend

X = np.random.default_rng(1).uniform(size=(4000, 3, 2, 1)).astype("float32")


class TestRandomFlip(Contract):
    component = RandomFlip
    arguments = {"horizontal": 0.3, "vertical": 0.6, "masks": True}
    refused = [
        (
            {"horizontal": 1.5},
            "`horizontal` must be a number in [0, 1]. Received: horizontal=1.5",
        ),
        (
            {"vertical": -1},
            "`vertical` must be a number in [0, 1]. Received: vertical=-1",
        ),
        ({"masks": 1}, "`masks` must be one of True, False. Received: masks=1"),
    ]

    def flipped(self, seed=0, **arguments):
        y = np.arange(len(X))
        x, same_y = RandomFlip(**arguments)(X, y, np.random.default_rng(seed))
        assert same_y is y and x.dtype == X.dtype and x.shape == X.shape
        return x

    def test_always_and_never(self):
        np.testing.assert_array_equal(self.flipped(horizontal=0), X)
        np.testing.assert_array_equal(self.flipped(horizontal=1), X[:, :, ::-1])
        both = self.flipped(horizontal=1, vertical=1)
        np.testing.assert_array_equal(both, X[:, ::-1, ::-1])

    @pytest.mark.parametrize(("name", "axis"), [("horizontal", 2), ("vertical", 1)])
    def test_rate_is_the_share_of_flips(self, name, axis):
        rates = {"horizontal": 0.0, "vertical": 0.0, name: 0.3}
        x = self.flipped(**rates)
        is_flipped = (x == np.flip(X, axis)).all((1, 2, 3))
        assert (is_flipped | (x == X).all((1, 2, 3))).all()
        # The standard error is 0.007.
        assert is_flipped.mean() == pytest.approx(0.3, abs=0.03)

    def test_seed_decides(self):
        np.testing.assert_array_equal(self.flipped(seed=3), self.flipped(seed=3))
        assert (self.flipped(seed=3) != self.flipped(seed=4)).any()
