"""Parts of words as integers, by a vocabulary that is learned."""

import json
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from kdl.checks import check_integer
from kdl.data.tokens.byte_tokens import Bytes
from kdl.data.tokens.padding import Encoder, check_texts, check_tokens

_PADDING = "<pad>"
_BYTES = 256


class Subwords(Encoder):
    """Turns texts into integers, one for each part of a word, and back.

    The vocabulary is learned: byte-pair encoding begins with the 256 bytes, and joins
    the two neighbours that are most frequent in the texts, time after time. Frequent
    words become one token, rare ones several, and any Unicode at all is bytes at least:
    no text is refused, and `decode` returns it as it was.

    Package [tokenizers](https://pypi.org/project/tokenizers/) does the work: `pip
    install tokenizers`. Keras's `TextVectorization` knows whole words only, and needs
    TensorFlow.

    Token 0 is padding, and the bytes follow.

    Args:
        state: String. What `from_texts` has learned, as the attribute `state` of
            another one has it: JSON of `tokenizers`.

    Attributes:
        size: Integer. Number of tokens, padding among them.

    Raises:
        ValueError: If `state` is something else.
        ImportError: If tokenizers is missing.

    Example:

    >>> texts = ["a small furry animal", "a small plant"]
    >>> subwords = kdl.data.Subwords.from_texts(texts, size=270)
    >>> tokens = subwords.encode(["a small plänt"])
    >>> subwords.decode(tokens)
    ['a small plänt']
    >>> again = kdl.data.Subwords(subwords.state)

    References:
        - [Sennrich et al., 2016](https://arxiv.org/abs/1508.07909), byte-pair encoding
        - [Radford et al., 2019](https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf),
          of bytes
    """

    def __init__(self, state: str) -> None:
        library = _library()
        try:
            self._tokenizer = library.Tokenizer.from_str(state)
        # It raises what has no kind.
        except Exception:
            shown = repr(state) if len(repr(state)) < 40 else f"{repr(state)[:40]}…"
            raise ValueError(
                "`state` must be what the attribute `state` of Subwords holds. "
                f"Received: state={shown}"
            ) from None
        self.state = str(state)

    @classmethod
    def from_texts(cls, texts: Iterable[str], size: int = 8000) -> Self:
        """Returns subwords that are learned from texts. The same texts, the same ones.

        Args:
            texts: Iterable of strings.
            size: Integer in `[257, inf)`. Number of tokens at most. Texts that are few
                or short have fewer. Defaults to `8000`.

        Raises:
            ValueError: If `texts` is a string itself, or if one of them is no string,
                or if `size` is outside its interval.
            ImportError: If tokenizers is missing.
        """
        texts = check_texts(texts)
        size = check_integer("size", size, f"[{_BYTES + 1}, inf)")
        library = _library()
        tokenizer = library.Tokenizer(library.models.BPE())
        # Each word with the space before it. Without `add_prefix_space`, what is
        # decoded is what there was.
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(
            add_prefix_space=False
        )
        tokenizer.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=size,
            show_progress=False,
            special_tokens=[_PADDING],
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        )
        tokenizer.train_from_iterator(texts, trainer)
        # In a text, the letters of the padding are letters.
        content = json.loads(tokenizer.to_str())
        content["added_tokens"] = []
        return cls(json.dumps(content, ensure_ascii=False, separators=(",", ":")))

    @property
    def size(self) -> int:
        return self._tokenizer.get_vocab_size()

    def decode(self, tokens: ArrayLike) -> list[str]:
        """Returns the texts of integers, without their padding.

        A character of which bytes are missing becomes `"\\N{REPLACEMENT CHARACTER}"`.

        Args:
            tokens: Integer array of shape `(texts, length)`.

        Returns:
            List of strings.

        Raises:
            ValueError: If a token is none of the vocabulary.
        """
        tokens = check_tokens(tokens, self.size)
        rows = [row[row > 0].tolist() for row in tokens]
        return self._tokenizer.decode_batch(rows, skip_special_tokens=False)

    def characters(self) -> np.ndarray:
        """Returns how many characters each token begins, an integer array."""
        # The library writes a byte as one character, as GPT-2 does.
        begun = dict(zip(_letters(), Bytes().characters()[1:], strict=True))
        counts = np.zeros(self.size, int)
        for token, number in self._tokenizer.get_vocab().items():
            if token != _PADDING:
                counts[number] = sum(begun[letter] for letter in token)
        return counts

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Returns where each token of a text stands in it.

        Args:
            text: String.

        Returns:
            List of tuples of the first character and the one after the last. A token
            has the space before it; one of a few bytes stands where its character does.
        """
        return list(self._tokenizer.encode(text).offsets)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the class, a dict of JSON."""
        return {"state": self.state}

    def _tokens(self, texts):
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]


def _letters():
    """The character by which the library writes each byte."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in shown else next(others)) for byte in range(_BYTES)]


def _library():
    try:
        import tokenizers
        from tokenizers import decoders, models, pre_tokenizers, trainers  # noqa: F401
    except ImportError:
        raise ImportError("Subwords need tokenizers: pip install tokenizers") from None
    return tokenizers
