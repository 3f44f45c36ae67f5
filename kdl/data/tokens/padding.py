"""Rows of tokens of one length."""

from collections.abc import Iterable

import numpy as np


def check_texts(texts):
    """Returns texts as a list of strings.

    Args:
        texts: Iterable of strings.

    Raises:
        ValueError: If `texts` is a string itself, or if one of them is no string, or
            has half of a surrogate pair, which UTF-8 cannot say.
    """
    if isinstance(texts, str):
        raise ValueError(
            "`texts` must be several texts, such as a list of them. Received: "
            f"texts={str(texts)!r}"
        )
    found = []
    for text in texts:
        try:
            text.encode()
        except (AttributeError, UnicodeEncodeError):
            raise ValueError(
                f"A text must be a string of Unicode characters. Received: {text!r}"
            ) from None
        found.append(str(text))
    return found


class Encoder:
    """Makes tokens of texts, by a method `_tokens` that returns those of each text."""

    def encode(self, texts: Iterable[str], length: int | None = None) -> np.ndarray:
        """Returns texts as integers, padded with 0.

        Args:
            texts: Iterable of strings. An empty one is padding alone.
            length: Optional integer. What a text has beyond it is left out. Defaults
                to `None`, the length of the longest.

        Returns:
            Array of shape `(texts, length)`, int32.

        Raises:
            ValueError: If `texts` is a string itself, or if one of them is no string,
                or is not Unicode.
        """
        return padded(self._tokens(check_texts(texts)), length)

    def lengths(self, texts: Iterable[str]) -> np.ndarray:
        """Returns how many tokens each text has, an integer array."""
        return np.array([len(row) for row in self._tokens(check_texts(texts))], int)


def padded(rows, length=None):
    """Returns tokens, padded with 0, or cut off, to one length.

    Args:
        rows: List of sequences of integers.
        length: Optional integer. Defaults to `None`, that of the longest row.

    Returns:
        Array of shape `(rows, length)`, int32.
    """
    length = max(map(len, rows), default=0) if length is None else length
    tokens = np.zeros((len(rows), length), "int32")
    for place, row in zip(tokens, rows, strict=True):
        place[: len(row)] = row[:length]
    return tokens


def check_tokens(tokens, size):
    """Returns tokens as an array, provided they are of a vocabulary.

    Args:
        tokens: Array of shape `(texts, length)`.
        size: Integer. Number of tokens of the vocabulary.

    Raises:
        ValueError: If they are no integers of that shape, or if one is too large, or
            negative.
    """
    tokens = np.asarray(tokens)
    if tokens.dtype.kind not in "iu" or tokens.ndim != 2:
        raise ValueError(
            "`tokens` must be integers of shape (texts, length). Received: "
            f"{tokens.dtype} {tokens.shape}"
        )
    known = (tokens >= 0) & (tokens < size)
    if not known.all():
        raise ValueError(
            f"`tokens` must be integers from 0 to {size - 1}. Received: "
            f"{tokens[~known][0]}"
        )
    return tokens
