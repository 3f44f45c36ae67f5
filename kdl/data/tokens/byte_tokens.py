"""Bytes as integers."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kdl.data.tokens.padding import Encoder, check_tokens


class Bytes(Encoder):
    """Turns texts into integers, one for each byte of UTF-8, and back.

    Any text at all can be said in 256 tokens, without a vocabulary that is learned. A
    letter of English is one byte, one of Greek two, one of Chinese three.

    Token 0 is padding, and byte `b` is `b + 1`.

    Attributes:
        size: Integer. Number of tokens, 257, padding among them.

    Example:

    >>> tokens = kdl.data.Bytes().encode(["a", "ä"])
    >>> tokens.tolist()
    [[98, 0], [196, 165]]
    >>> kdl.data.Bytes().decode(tokens)
    ['a', 'ä']

    References:
        - [Xue et al., 2022](https://arxiv.org/abs/2105.13626), ByT5
    """

    size = 257

    def decode(self, tokens: ArrayLike) -> list[str]:
        """Returns the texts of integers, without their padding.

        A character of which bytes are missing becomes `"\\N{REPLACEMENT CHARACTER}"`.

        Args:
            tokens: Integer array of shape `(texts, length)`.

        Returns:
            List of strings.

        Raises:
            ValueError: If a token is none of the bytes.
        """
        tokens = check_tokens(tokens, self.size)
        rows = (bytes((row[row > 0] - 1).tolist()) for row in tokens)
        return [row.decode(errors="replace") for row in rows]

    def characters(self) -> np.ndarray:
        """Returns how many characters each token begins, an integer array."""
        places = np.arange(self.size) - 1
        # The others go on with what another one has begun.
        return ((places >= 0) & (places & 0xC0 != 0x80)).astype(int)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the class, a dict of JSON."""
        return {}

    def _tokens(self, texts):
        return [np.add(list(text.encode()), 1) for text in texts]
