import collections

import numpy as np
import pytest
from contracts import Contract

from kdl.data import RandomInsertion

pytestmark = pytest.mark.one_backend

TEXTS = np.array([" ".join(map(str, range(20)))] * 500)
Y = np.arange(500)


class TestRandomInsertion(Contract):
    component = RandomInsertion
    arguments = {"rate": 0.3, "words": [".", "new"]}
    refused = [
        ({"rate": 2}, "`rate` must be a number in [0, 1]. Received: rate=2"),
        (
            {"words": []},
            "`words` must be a list of one string or more, or None. Received: words=[]",
        ),
        (
            {"words": "new"},
            "`words` must be a list of one string or more, or None. Received: "
            "words='new'",
        ),
    ]

    def test_rate_is_the_share_of_words_that_come(self):
        x, y = self.make()(TEXTS, Y, np.random.default_rng(0))
        rows = [text.split() for text in x]
        assert y is Y
        counts = collections.Counter(word for row in rows for word in row)
        # The standard error is 0.005 of both together.
        both = (counts["."] + counts["new"]) / 10_000
        assert both == pytest.approx(0.3, abs=0.02)
        assert counts["."] / 10_000 == pytest.approx(0.15, abs=0.015)
        for row in rows:
            old = [word for word in row if word not in (".", "new")]
            assert old == TEXTS[0].split()

    def test_places_are_all_alike(self):
        texts = np.array(["a b c"] * 2000)
        insertion = RandomInsertion(1.0, ["x"])
        x, _ = insertion(texts, texts, np.random.default_rng(0))
        assert (np.char.count(x, "x") == 3).all()
        first = np.mean([text.startswith("x") for text in x])
        # Of three words that come one after the other, none is put before the others
        # with probability 3/4 * 4/5 * 5/6. The standard error is 0.011.
        assert first == pytest.approx(1 - 3 / 4 * 4 / 5 * 5 / 6, abs=0.04)

    def test_draws_words_of_the_batch_by_how_often_they_are_there(self):
        texts = np.array(["a a a", "b"] * 2000)
        x, _ = RandomInsertion(1.0)(texts, texts, np.random.default_rng(0))
        added = [text.split() for text in x[1::2]]
        share = np.mean([sorted(row) == ["a", "b"] for row in added])
        # One comes, three times in four an `a`. The standard error is 0.010.
        assert share == pytest.approx(0.75, abs=0.04)

    def test_an_empty_text_stays(self):
        texts = np.array(["", " "])
        x, _ = RandomInsertion(1.0)(texts, texts, np.random.default_rng(0))
        assert x.tolist() == ["", " "]
