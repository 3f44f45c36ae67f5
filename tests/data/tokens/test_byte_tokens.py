import numpy as np
import pytest
from contracts import Contract

from kdl.data import Bytes

pytestmark = pytest.mark.one_backend

# Of one byte, two, three and four each. The last sign is several characters.
TEXTS = ["a small plant", "größer", "漢字", "🌱 👩‍🌾"]


class TestBytes(Contract):
    component = Bytes
    arguments = {}
    alternatives = {}
    test_refuses_bad_arguments = None

    def test_are_those_of_utf_8_after_the_padding(self):
        tokens = Bytes().encode(TEXTS)
        assert tokens.dtype == "int32" and tokens.max() < Bytes.size
        for row, text in zip(tokens, TEXTS, strict=True):
            assert bytes((row[row > 0] - 1).tolist()) == text.encode()
        assert Bytes().lengths(TEXTS).tolist() == [len(t.encode()) for t in TEXTS]
        assert Bytes().encode(["abc"], length=2).tolist() == [[98, 99]]

    def test_any_unicode_comes_back(self):
        everything = [chr(n) for n in range(0x110000) if not 0xD800 <= n < 0xE000]
        texts = ["".join(everything[n::1000]) for n in range(1000)]
        assert Bytes().decode(Bytes().encode(texts)) == texts

    def test_counts_characters(self):
        counts = Bytes().characters()
        tokens = Bytes().encode(TEXTS)
        assert counts[tokens].sum(axis=1).tolist() == [*map(len, TEXTS)]

    def test_a_character_in_part_is_replaced(self):
        assert Bytes().decode([[98, 196, 98]]) == ["a\N{REPLACEMENT CHARACTER}a"]

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (
                lambda: Bytes().encode("a"),
                "`texts` must be several texts, such as a list of them. Received: "
                "texts='a'",
            ),
            (
                lambda: Bytes().decode(np.array([[257]])),
                "`tokens` must be integers from 0 to 256. Received: 257",
            ),
            (
                lambda: Bytes().decode(np.array([1.0])),
                "`tokens` must be integers of shape (texts, length). Received: float64 "
                "(1,)",
            ),
        ],
    )
    def test_refuses(self, call, message):
        with pytest.raises(ValueError) as error:
            call()
        assert str(error.value) == message
