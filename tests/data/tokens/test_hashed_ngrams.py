"""Expected values by fastText's definition, and hashes of FNV by its authors."""

import numpy as np
import pytest
from contracts import Contract

from kdl.data import HashedNgrams
from kdl.data.tokens import hashed_ngrams as module

pytestmark = pytest.mark.one_backend


def hashed(text):
    """FNV-1a of 32 bits, in NumPy's integers; bytes are signed, as in fastText."""
    value = np.uint32(2166136261)
    with np.errstate(over="ignore"):
        for byte in np.frombuffer(text.encode(), "int8"):
            value = (value ^ byte.astype("uint32")) * np.uint32(16777619)
    return int(value)


class TestHashedNgrams(Contract):
    component = HashedNgrams
    arguments = {
        "words": ["small", "animal"],
        "buckets": 50,
        "shortest": 2,
        "longest": 4,
        "word_ngrams": 2,
        "first_words": 2,
    }
    refused = [
        (
            {"words": "small"},
            "`words` must be a list of strings. Received: words='small'",
        ),
        (
            {"words": ["a", "b", "a"]},
            "`words` must be different. Received: 'a' twice",
        ),
        (
            {"buckets": 0},
            "`buckets` must be an integer in [1, inf). Received: buckets=0",
        ),
        (
            {"shortest": 0},
            "`shortest` must be an integer in [1, inf). Received: shortest=0",
        ),
        (
            {"longest": -1},
            "`longest` must be an integer in [0, inf). Received: longest=-1",
        ),
        (
            {"word_ngrams": 0},
            "`word_ngrams` must be an integer in [1, inf). Received: word_ngrams=0",
        ),
        (
            {"first_words": -1},
            "`first_words` must be an integer in [0, inf). Received: first_words=-1",
        ),
    ]

    @pytest.mark.parametrize(
        ("text", "value"),
        # From the test suite of Fowler, Noll and Vo.
        [("", 0x811C9DC5), ("a", 0xE40C292C), ("foobar", 0xBF9CF968)],
    )
    def test_hash_is_fnv_1a(self, text, value):
        assert module._hash(text.encode()) == value == hashed(text)

    def test_hash_takes_bytes_for_signed_ones(self):
        assert module._hash("né".encode()) == hashed("né")
        # FNV-1a as its authors have it, which fastText's differs from here.
        assert (
            module._hash("é".encode())
            != (((((2166136261 ^ 0xC3) * 16777619) & 0xFFFFFFFF) ^ 0xA9) * 16777619)
            & 0xFFFFFFFF
        )

    def test_ngrams_of_a_word_are_those_of_the_paper(self):
        """Of `where` with 3 characters; boundaries alone are none."""
        assert module.character_ngrams("where", 3, 3) == [
            *("<wh", "whe", "her", "ere", "re>")
        ]
        assert module.character_ngrams("ab", 1, 2) == ["<a", "a", "ab", "b", "b>"]
        assert module.character_ngrams("where", 3, 0) == []
        # Fewer than there could be, and never beyond the word.
        assert module.character_ngrams("é", 3, 6) == ["<é>"]

    def test_tokens_are_words_and_then_buckets(self):
        ngrams = HashedNgrams(["small", "animal"], 1000, 3, 3)
        assert ngrams.size == 1003
        desired = [1]
        desired += [3 + hashed(n) % 1000 for n in ("<sm", "sma", "mal", "all", "ll>")]
        # It is no word of the vocabulary.
        desired += [3 + hashed(n) % 1000 for n in ("<Ox", "Ox>")]
        (tokens,) = ngrams.encode(["small Ox"])
        assert tokens.tolist() == desired and tokens.dtype == "int32"

    def test_ngrams_of_words_are_those_of_fasttext(self):
        """Its hashes are signed numbers of 32 bits, which 64 bits take in."""
        ngrams = HashedNgrams(["a"], 997, longest=0, word_ngrams=3)
        a, b, c = (
            np.array(hashed(word), "uint32").astype("int32").astype("int64")
            for word in ("a", "zebra", "c")
        )
        factor = np.uint64(116049371)
        with np.errstate(over="ignore"):
            pair = a.astype("uint64") * factor + b.astype("uint64")
            triple = pair * factor + c.astype("uint64")
            last = b.astype("uint64") * factor + c.astype("uint64")
        desired = [1, *(2 + int(n % np.uint64(997)) for n in (pair, triple, last))]
        assert ngrams.encode(["a zebra c"])[0].tolist() == desired

    def test_first_words_are_tokens_again(self):
        """Those of the vocabulary; the others count as places, but are no tokens."""
        ngrams = HashedNgrams(["a", "small", "ant"], 10, longest=0, first_words=3)
        assert ngrams.size == 1 + 3 + 10 + 3
        tokens = ngrams.encode(["small red ant, a small ant", "a"])
        assert tokens.tolist() == [[2, 3, 1, 2, 3, 15, 16], [1, 14, 0, 0, 0, 0, 0]]
        plain = HashedNgrams(["a", "small", "ant"], 10, longest=0)
        assert plain.size == 14 and plain.encode(["small ant"]).tolist() == [[2, 3]]

    def test_punctuation_marks_are_words(self):
        assert module.split_words("Don't (ever)—go_on  3.5") == [
            *("Don", "'", "t", "(", "ever", ")", "—", "go_on", "3", ".", "5")
        ]

    def test_words_are_the_most_frequent_ones_whatever_the_order(self):
        texts = ["b a", "c b", "d a b"]
        assert HashedNgrams.from_texts(texts).words == ["b", "a", "c", "d"]
        assert HashedNgrams.from_texts(texts[::-1], 2).words == ["b", "a"]

    def test_pads_and_cuts_off(self):
        ngrams = HashedNgrams(["a", "b"], 1, longest=0)
        tokens = ngrams.encode(["a b a", "b", ""], 2)
        np.testing.assert_array_equal(tokens, [[1, 2], [2, 0], [0, 0]])
        assert ngrams.lengths(["a b a", "b", ""]).tolist() == [3, 1, 0]
        assert ngrams.encode([]).shape == (0, 0)

    def test_another_one_is_made_of_its_config(self):
        ngrams = self.make()
        again = HashedNgrams(**ngrams.get_config())
        texts = ["a small furry animal", "né"]
        np.testing.assert_array_equal(again.encode(texts), ngrams.encode(texts))

    @pytest.mark.parametrize(
        ("texts", "message"),
        [
            (
                "ab",
                "`texts` must be several texts, such as a list of them. Received: "
                "texts='ab'",
            ),
            ([3], "A text must be a string of Unicode characters. Received: 3"),
            (
                ["\ud800"],
                "A text must be a string of Unicode characters. Received: '\\ud800'",
            ),
        ],
    )
    def test_refuses_what_are_no_texts(self, texts, message):
        with pytest.raises(ValueError) as error:
            self.make().encode(texts)
        assert str(error.value) == message

    def test_says_where_each_token_stands(self):
        """A token for each place, in the order of `encode`."""
        text = "small ant, ant"
        ngrams = self.make()
        spans = ngrams.spans(text)
        assert len(spans) == ngrams.lengths([text])[0]
        parts = self.make(first_words=0)
        alone = [parts.lengths([word])[0] for word in ("small", "ant", ",")]
        places = [(0, 5), (6, 9), (9, 10), (11, 14)]
        expected = [
            place
            for place, count in zip(places, (*alone, alone[1]), strict=True)
            for _ in range(count)
        ]
        # Of the first two words, one is in the vocabulary.
        assert spans == [*expected, (0, 9), (6, 10), (9, 14), (0, 5)]
