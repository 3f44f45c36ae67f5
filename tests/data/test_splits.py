import numpy as np

from kdl.data import Splits
from kdl.data.splits import hold_out


class TestSplits:
    def test_unpacks(self):
        train, validation, test = Splits("a", "b", "c")
        assert (train, validation, test) == ("a", "b", "c")

    def test_hold_out_is_stratified_and_complete(self):
        x, y = np.arange(100), np.arange(100) % 5
        (x1, _), (x2, y2) = hold_out(x, y, 0.2, seed=0)
        assert sorted([*x1, *x2]) == list(x)
        np.testing.assert_array_equal(x2 % 5, y2)
        assert np.bincount(y2).tolist() == [4] * 5
