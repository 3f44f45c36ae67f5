import random
import sys

import numpy as np
import pytest
from contracts import Contract

from kdl.data import Subwords, glosses

pytestmark = pytest.mark.one_backend

TEXTS = ["low low low low low", "lower lower", "newest " * 6, "widest " * 3]
STATE = Subwords.from_texts(TEXTS, 263).state


class TestSubwords(Contract):
    component = Subwords
    arguments = {"state": STATE}
    alternatives = {}
    refused = [
        (
            {"state": "{}"},
            "`state` must be what the attribute `state` of Subwords holds. Received: "
            "state='{}'",
        ),
        (
            {"state": 3},
            "`state` must be what the attribute `state` of Subwords holds. Received: "
            "state=3",
        ),
    ]

    def test_joins_the_most_frequent_neighbours_first(self):
        """The example of Sennrich et al.; there, too, `es` and `est` come first."""
        subwords = Subwords.from_texts(TEXTS, 259)
        assert subwords.size == 259
        first, second = (subwords.decode([[n]])[0] for n in (257, 258))
        assert (first, second) == ("es", "est")

    def test_any_unicode_is_decoded_as_it_was(self):
        """Drawn from all characters; letters of the vocabulary's own marks, too."""
        subwords, draw = self.make(), random.Random(0)
        codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
        texts = ["".join(map(chr, draw.choices(codes, k=20))) for _ in range(300)]
        texts += ["", "<pad>", "a <pad>b", " two  spaces ", "\tlines\r\n\n", "\0"]
        texts += ["e\u0301 é", "Ġ Ċ", "مرحبا", "日本語", "👩‍👩‍👧"]
        tokens = subwords.encode(texts)
        assert tokens.min() == 0 and tokens.max() < subwords.size
        assert subwords.decode(tokens) == texts

    def test_the_same_texts_have_the_same_tokens(self):
        texts = glosses().train[0][:2000]
        first, again = (Subwords.from_texts(texts, 1000).state for _ in range(2))
        assert first == again
        tokens = Subwords(first).encode(texts)
        # Parts of words, each of several characters.
        assert 2 < sum(map(len, texts)) / (tokens > 0).sum() < 5

    def test_pads_and_cuts_off(self):
        subwords = self.make()
        long, short = subwords.lengths(["newest lower", "a"])
        assert short == 1 and long > 2
        tokens = subwords.encode(["newest lower", "a"], 2)
        assert tokens.dtype == "int32" and tokens.shape == (2, 2)
        assert (tokens[0] > 0).all() and tokens[1].tolist()[1] == 0
        assert subwords.encode([]).shape == (0, 0)

    def test_another_one_is_made_of_its_config(self):
        again = Subwords(**self.make().get_config())
        np.testing.assert_array_equal(again.encode(TEXTS), self.make().encode(TEXTS))

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (
                lambda s: s.encode("ab"),
                "`texts` must be several texts, such as a list of them. Received: "
                "texts='ab'",
            ),
            (
                lambda s: s.decode([[263]]),
                "`tokens` must be integers from 0 to 262. Received: 263",
            ),
            (
                lambda s: s.decode([1, 2]),
                "`tokens` must be integers of shape (texts, length). Received: int64 "
                "(2,)",
            ),
            (
                lambda s: s.from_texts(["a"], 256),
                "`size` must be an integer in [257, inf). Received: size=256",
            ),
        ],
    )
    def test_refuses(self, call, message):
        with pytest.raises(ValueError) as error:
            call(self.make())
        assert str(error.value) == message

    def test_names_the_package_that_is_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "tokenizers", None)
        with pytest.raises(ImportError) as error:
            self.make()
        assert str(error.value) == "Subwords need tokenizers: pip install tokenizers"

    def test_says_where_each_token_stands(self):
        text = "low newest lów"
        subwords = self.make()
        (tokens,) = subwords.encode([text])
        spans = subwords.spans(text)
        assert len(spans) == len(tokens)
        assert spans[0][0] == 0 and spans[-1][1] == len(text)
        for (start, end), token in zip(spans, tokens, strict=True):
            # Of a letter of two bytes, each byte stands where it does.
            known = text[start:end], "\N{REPLACEMENT CHARACTER}"
            assert subwords.decode([[token]])[0] in known
