"""Characters as integers."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kdl.data.tokens.padding import check_tokens


class Characters:
    """Turns texts into integers, one for each character, and back.

    Token 0 is padding; the characters of an alphabet are numbered from 1, in the order
    of Unicode. Keras's `TextVectorization` does the same only where TensorFlow is
    installed, and its `"character"` split has a token for those that it does not know,
    which here are refused.

    Args:
        alphabet: String, or an iterable of texts whose characters are the alphabet.

    Attributes:
        alphabet: String. The characters, sorted.
        size: Integer. Number of tokens, padding among them.

    Raises:
        ValueError: If there is no character.

    Example:

    >>> characters = kdl.data.Characters(["abba", "cab"])
    >>> characters.encode(["cab", "a"]).tolist()
    [[3, 1, 2], [1, 0, 0]]
    >>> characters.decode([[3, 1, 2]])
    ['cab']
    """

    def __init__(self, alphabet: str | Iterable[str]) -> None:
        try:
            texts = list(alphabet)
        except TypeError:
            texts = [None]
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(
                "`alphabet` must be a string, or several of them. "
                f"Received: alphabet={alphabet!r}"
            )
        self.alphabet = "".join(sorted({c for text in texts for c in text}))
        if not self.alphabet:
            raise ValueError("`alphabet` must hold characters. Received: none of them")
        self._numbers = {c: number for number, c in enumerate(self.alphabet, 1)}

    @property
    def size(self) -> int:
        return len(self.alphabet) + 1

    def encode(self, texts: Iterable[str], length: int | None = None) -> np.ndarray:
        """Returns texts as integers, padded with 0.

        Args:
            texts: Iterable of strings.
            length: Optional integer. Defaults to `None`, that of the longest text.

        Returns:
            Array of shape `(texts, length)`, int32.

        Raises:
            ValueError: If `texts` is a string itself, or if a text has a character that
                the alphabet lacks, is empty, or is longer than `length`.
        """
        if isinstance(texts, str):
            raise ValueError(
                "`texts` must be several texts, such as a list of them. Received: "
                f"texts={str(texts)!r}"
            )
        texts = list(texts)
        longest = max(map(len, texts), default=0)
        length = longest if length is None else length
        if longest > length:
            raise ValueError(
                f"Texts must have at most {length} characters, the `length` that is "
                f"asked for. Received: one of {longest}"
            )
        tokens = np.zeros((len(texts), length), "int32")
        for row, text in zip(tokens, texts, strict=True):
            if not text:
                raise ValueError("A text must have a character. Received: ''")
            try:
                row[: len(text)] = [self._numbers[c] for c in text]
            except KeyError as error:
                raise ValueError(
                    f"Texts must be of the characters {self.alphabet!r}. Received: "
                    f"{error.args[0]!r} in {str(text)!r}"
                ) from None
        return tokens

    def lengths(self, texts: Iterable[str]) -> np.ndarray:
        """Returns how many tokens each text has, an integer array."""
        return np.array([len(text) for text in texts], int)

    def decode(self, tokens: ArrayLike) -> list[str]:
        """Returns the texts of integers, without their padding.

        Args:
            tokens: Integer array of shape `(texts, length)`.

        Returns:
            List of strings.

        Raises:
            ValueError: If a token is not one of the alphabet.
        """
        tokens = check_tokens(tokens, self.size)
        letters = np.array(["", *self.alphabet])
        return ["".join(row) for row in letters[tokens]]

    def characters(self) -> np.ndarray:
        """Returns how many characters each token is, an integer array."""
        return (np.arange(self.size) > 0).astype(int)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the class, a dict of JSON."""
        return {"alphabet": self.alphabet}
