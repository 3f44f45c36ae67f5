import numpy as np
import pytest
from contracts import Contract

from kdl.data import RandomSwap

pytestmark = pytest.mark.one_backend

TEXTS = np.array([" ".join(map(str, range(20)))] * 500)
Y = np.arange(500)


class TestRandomSwap(Contract):
    component = RandomSwap
    arguments = {"rate": 0.3}
    refused = [
        ({"rate": -1}, "`rate` must be a number in [0, 1]. Received: rate=-1"),
    ]

    def test_words_stay_and_their_order_changes(self):
        x, y = self.make()(TEXTS, Y, np.random.default_rng(0))
        assert y is Y
        rows = np.array([text.split() for text in x]).astype(int)
        np.testing.assert_array_equal(np.sort(rows), np.tile(np.arange(20), (500, 1)))

    def test_rate_is_the_share_of_words_that_swap(self):
        x, _ = RandomSwap(0.01)(TEXTS, Y, np.random.default_rng(0))
        rows = np.array([text.split() for text in x]).astype(int)
        moved = (rows != np.arange(20)).sum(axis=1)
        # A swap moves two words. The standard error of the share is 0.001.
        assert (moved == 2).any() and set(moved.tolist()) <= {0, 2, 3, 4, 5, 6}
        assert moved.mean() / 2 / 20 == pytest.approx(0.01, abs=0.004)

    def test_the_other_word_is_any_of_the_others(self):
        texts = np.array(["a b c"] * 3000)
        x, _ = RandomSwap(1.0)(texts, texts, np.random.default_rng(0))
        # Each of three swaps is of one of two kinds: orders by enumeration.
        expected = {}
        for draws in np.ndindex(2, 2, 2):
            words = list("abc")
            for one, step in enumerate(draws):
                other = (one + 1 + step) % 3
                words[one], words[other] = words[other], words[one]
            key = " ".join(words)
            expected[key] = expected.get(key, 0) + 3000 / 8
        found = dict(zip(*np.unique(x, return_counts=True), strict=True))
        # The standard error is 27 at most.
        for key, count in expected.items():
            assert found.get(key, 0) == pytest.approx(count, abs=110)
        assert sum(found.get(key, 0) for key in expected) == 3000

    def test_one_word_stays(self):
        texts = np.array(["  alone ", ""])
        x, _ = RandomSwap(1.0)(texts, texts, np.random.default_rng(0))
        assert x.tolist() == ["  alone ", ""]
