import numpy as np
import pytest
from contracts import Contract

from kdl.data import Characters

pytestmark = pytest.mark.one_backend


class TestCharacters(Contract):
    component = Characters
    arguments = {"alphabet": "abü"}
    alternatives = {"alphabet": [[]]}
    refused = [
        (
            {"alphabet": ["", ""]},
            "`alphabet` must hold characters. Received: none of them",
        ),
        (
            {"alphabet": ["a", 1]},
            "`alphabet` must be a string, or several of them. "
            "Received: alphabet=['a', 1]",
        ),
    ]

    def test_numbers_characters_from_1_in_their_order(self):
        characters = Characters(["zab", "", "bü"])
        assert characters.alphabet == "abzü"
        assert characters.size == 5
        tokens = characters.encode(["büz", "a"])
        assert tokens.dtype == "int32"
        np.testing.assert_array_equal(tokens, [[2, 4, 3], [1, 0, 0]])

    def test_takes_arrays_and_pads_to_a_length(self):
        tokens = self.make().encode(np.array(["ab", "ü"]), 4)
        np.testing.assert_array_equal(tokens, [[1, 2, 0, 0], [3, 0, 0, 0]])
        assert self.make().encode([]).shape == (0, 0)

    def test_decoding_undoes_it(self):
        texts = ["ab", "üüaab", "b"]
        assert self.make().decode(self.make().encode(texts, 7)) == texts
        # Padding is nowhere a character.
        assert self.make().decode([[0, 1, 0, 2]]) == ["ab"]

    @pytest.mark.parametrize(
        ("texts", "length", "message"),
        [
            (
                np.array(["ab", "axe"]),
                None,
                "Texts must be of the characters 'abü'. Received: 'x' in 'axe'",
            ),
            (["ab", ""], None, "A text must have a character. Received: ''"),
            (
                ["a", "abba"],
                3,
                "Texts must have at most 3 characters, the `length` that is asked for. "
                "Received: one of 4",
            ),
            (
                np.array(["abba"])[0],
                None,
                "`texts` must be several texts, such as a list of them. Received: "
                "texts='abba'",
            ),
        ],
    )
    def test_refuses_other_texts(self, texts, length, message):
        with pytest.raises(ValueError) as error:
            self.make().encode(texts, length)
        assert str(error.value) == message

    @pytest.mark.parametrize(
        ("tokens", "message"),
        [
            ([[1, 4]], "`tokens` must be integers from 0 to 3. Received: 4"),
            ([[-1, 1]], "`tokens` must be integers from 0 to 3. Received: -1"),
            (
                [1, 2],
                "`tokens` must be integers of shape (texts, length). Received: "
                "int64 (2,)",
            ),
            (
                [[1.0]],
                "`tokens` must be integers of shape (texts, length). Received: "
                "float64 (1, 1)",
            ),
        ],
    )
    def test_refuses_other_tokens(self, tokens, message):
        with pytest.raises(ValueError) as error:
            self.make().decode(tokens)
        assert str(error.value) == message
