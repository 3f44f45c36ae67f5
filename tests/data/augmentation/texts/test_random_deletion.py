import numpy as np
import pytest
from contracts import Contract

from kdl.data import RandomDeletion

pytestmark = pytest.mark.one_backend

TEXTS = np.array([" ".join(map(str, range(20)))] * 500)
Y = np.arange(500)


class TestRandomDeletion(Contract):
    component = RandomDeletion
    arguments = {"rate": 0.3}
    refused = [
        ({"rate": 1.5}, "`rate` must be a number in [0, 1]. Received: rate=1.5"),
    ]

    def test_rate_is_the_share_of_words_that_go(self):
        x, y = self.make()(TEXTS, Y, np.random.default_rng(0))
        assert y is Y and x.dtype.kind == "U"
        rows = [list(map(int, text.split())) for text in x]
        # In the order they had, none of them twice.
        assert all(row == sorted(set(row)) for row in rows)
        # The standard error is 0.005.
        assert np.mean([20 - len(row) for row in rows]) / 20 == pytest.approx(
            0.3, abs=0.02
        )
        # All places alike; of each the standard error is 0.02.
        counts = np.bincount(np.concatenate(rows), minlength=20) / 500
        assert np.abs(counts - 0.7).max() < 0.08

    def test_a_word_remains(self):
        texts = np.array(["a b c"] * 300 + ["", "  "])
        x, _ = RandomDeletion(1.0)(texts, texts, np.random.default_rng(0))
        words, counts = np.unique(x[:300], return_counts=True)
        # The standard error of each is 8.
        assert words.tolist() == ["a", "b", "c"] and np.abs(counts - 100).max() < 33
        assert x[300:].tolist() == ["", "  "]
