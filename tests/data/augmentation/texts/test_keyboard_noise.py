import string

import numpy as np
import pytest
from contracts import Contract

from kdl.data import KeyboardNoise
from kdl.data.augmentation.texts.keyboard_noise import NEIGHBOURS

pytestmark = pytest.mark.one_backend

TEXTS = np.array([string.ascii_lowercase] * 1000)
Y = np.arange(1000)


class TestKeyboardNoise(Contract):
    component = KeyboardNoise
    arguments = {"rate": 0.2}
    refused = [
        ({"rate": 1.1}, "`rate` must be a number in [0, 1]. Received: rate=1.1"),
    ]

    def test_rate_is_the_share_of_letters_that_slip(self):
        x, y = self.make()(TEXTS, Y, np.random.default_rng(0))
        assert y is Y
        letters = np.array([list(text) for text in x])
        slips = letters != np.array(list(string.ascii_lowercase))
        # The standard error is 0.0025, and 0.013 of each letter.
        assert slips.mean() == pytest.approx(0.2, abs=0.01)
        assert np.abs(slips.mean(axis=0) - 0.2).max() < 0.05

    def test_neighbours_are_those_of_the_keyboard(self):
        """As one sees them on it."""
        assert "".join(NEIGHBOURS["s"]) == "adewxz"
        assert "".join(NEIGHBOURS["q"]) == "12aw"
        assert "".join(NEIGHBOURS["p"]) == "0lo"
        assert "".join(NEIGHBOURS["m"]) == "jkn"
        assert set(NEIGHBOURS) == {*string.ascii_lowercase, *string.digits}
        for key, near in NEIGHBOURS.items():
            assert all(key in NEIGHBOURS[other] for other in near)

    def test_each_neighbour_is_as_likely(self):
        texts = np.array(["s" * 6000])
        (x,), _ = KeyboardNoise(1.0)(texts, texts, np.random.default_rng(0))
        found, counts = np.unique(list(x), return_counts=True)
        assert found.tolist() == list("adewxz")
        # The standard error is 29.
        assert np.abs(counts - 1000).max() < 120

    def test_capitals_stay_capital_and_other_signs_as_they_are(self):
        texts = np.array(["S é-ß.日", ""])
        x, _ = KeyboardNoise(1.0)(texts, texts, np.random.default_rng(0))
        assert x[0][0] in "ADEWXZ" and x[0][1:] == " é-ß.日" and x[1] == ""
