"""Words and the parts that they are made of, as integers."""

import collections
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from kdl.checks import check_integer
from kdl.data.tokens.padding import Encoder, check_texts

# A word is letters and digits; any other sign that shows is a word by itself.
_WORD = re.compile(r"\w+|[^\w\s]")
# Of the 32-bit hash FNV-1a.
_BASIS, _PRIME, _MASK = 2166136261, 16777619, 2**32 - 1
# What fastText multiplies with from word to word, of which it keeps 64 bits.
_NEXT, _MASK_64 = 116049371, 2**64 - 1


class HashedNgrams(Encoder):
    """Turns texts into bags of integers: words, and n-grams by their hash.

    The word `where` is the token of itself, if it is one of `words`, and with n-grams
    of 3 characters also `<wh`, `whe`, `her`, `ere` and `re>`, so that a word that was
    never seen still has parts that were. Neighbouring words are n-grams as well, with
    `word_ngrams` of 2 or more. With `first_words`, a word at the beginning of a text is
    a second token, too: a bag keeps no order, but often the first words count most.
    `kdl.layers.EmbeddingBag` takes the tokens, with `padding_index=0`.

    N-grams, their hash (FNV-1a, in which bytes count as signed) and their buckets are
    those of fastText. There words are what stands between spaces; here punctuation
    marks are words of their own.

    Token 0 is padding, the words are numbered from 1 in their order, the buckets
    follow, and then the words again, as those at the beginning.

    Args:
        words: Sequence of different strings.
        buckets: Integer in `[1, inf)`. N-grams of one bucket are one token. Defaults to
            `32768`.
        shortest: Integer in `[1, inf)`. Characters of the shortest n-gram, `<` and `>`
            among them. Defaults to `3`.
        longest: Integer in `[0, inf)`. Those of the longest; with less than `shortest`
            there are none. Defaults to `6`.
        word_ngrams: Integer in `[1, inf)`. Words of the longest n-gram of words, of
            which 1 is none. Defaults to `1`.
        first_words: Integer in `[0, inf)`. How many words of a text are at its
            beginning. Defaults to `0`.

    Attributes:
        size: Integer. Number of tokens, padding among them.

    Raises:
        ValueError: If an argument is outside its interval, or if words are not
            different strings.

    Example:

    >>> texts = ["a small furry animal", "a large plant"]
    >>> ngrams = kdl.data.HashedNgrams.from_texts(texts, buckets=100, longest=4)
    >>> ngrams.encode(["small plants"]).shape
    (1, 23)

    References:
        - [Bojanowski et al., 2017](https://arxiv.org/abs/1607.04606)
        - [Joulin et al., 2017](https://arxiv.org/abs/1607.01759), n-grams of words
    """

    def __init__(
        self,
        words: Sequence[str],
        buckets: int = 32768,
        shortest: int = 3,
        longest: int = 6,
        word_ngrams: int = 1,
        first_words: int = 0,
    ) -> None:
        is_list = isinstance(words, (list, tuple, np.ndarray))
        if not is_list or not all(isinstance(word, str) for word in words):
            raise ValueError(
                f"`words` must be a list of strings. Received: words={words!r}"
            )
        self.words = list(map(str, words))
        self.buckets = check_integer("buckets", buckets, "[1, inf)")
        self.shortest = check_integer("shortest", shortest, "[1, inf)")
        self.longest = check_integer("longest", longest, "[0, inf)")
        self.word_ngrams = check_integer("word_ngrams", word_ngrams, "[1, inf)")
        self.first_words = check_integer("first_words", first_words, "[0, inf)")
        self._numbers = {word: number for number, word in enumerate(self.words, 1)}
        if len(self._numbers) < len(self.words):
            counts = collections.Counter(self.words)
            raise ValueError(
                "`words` must be different. Received: "
                f"{max(counts, key=counts.get)!r} twice"
            )
        self._known = {}

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], most: int | None = None, **options: Any
    ) -> Self:
        """Returns n-grams whose words are those of texts.

        Args:
            texts: Iterable of strings.
            most: Optional integer in `[0, inf)`. How many words there are at most, the
                most frequent ones. Defaults to `None`, all of them.
            **options: Further arguments of the class.
        """
        counts = collections.Counter(
            itertools.chain.from_iterable(map(split_words, check_texts(texts)))
        )
        # Of equally frequent ones by the alphabet, whatever the order of the texts.
        words = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(words[:most], **options)

    @property
    def size(self) -> int:
        beginnings = len(self.words) if self.first_words else 0
        return 1 + len(self.words) + self.buckets + beginnings

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the class, a dict of JSON."""
        names = "words", "buckets", "shortest", "longest", "word_ngrams", "first_words"
        return {name: getattr(self, name) for name in names}

    def _tokens(self, texts):
        return [self._of_text(text) for text in texts]

    def _of_text(self, text):
        """Words with their n-grams, n-grams of words, and the first words again."""
        words = split_words(text)
        tokens = [token for word in words for token in self._of_word(word)]
        if self.word_ngrams > 1:
            hashes = [_hash(word.encode()) for word in words]
            tokens += [1 + len(self.words) + n for n in self._of_words(hashes)]
        buckets = len(self.words) + self.buckets
        tokens += [buckets + self._numbers[words[n]] for n in self._firsts(words)]
        return tokens

    def _firsts(self, words):
        """Which of the first words of a text are in the vocabulary."""
        firsts = enumerate(words[: self.first_words])
        return [place for place, word in firsts if word in self._numbers]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Returns where each token of a text stands in it.

        An n-gram of characters stands where its word does.

        Args:
            text: String.

        Returns:
            List of tuples of the first character and the one after the last.
        """
        places = [match.span() for match in _WORD.finditer(text)]
        words = split_words(text)
        found = [
            place
            for place, word in zip(places, words, strict=True)
            for _ in self._of_word(word)
        ]
        for first in range(len(words)):
            last = min(first + self.word_ngrams, len(words))
            found += [(places[first][0], places[n][1]) for n in range(first + 1, last)]
        return found + [places[n] for n in self._firsts(words)]

    def _of_word(self, word):
        """The tokens of a word, which are looked up from the second time on."""
        if word not in self._known:
            number = self._numbers.get(word)
            first = 1 + len(self.words)
            self._known[word] = [
                *(() if number is None else (number,)),
                *(
                    first + _hash(ngram.encode()) % self.buckets
                    for ngram in character_ngrams(word, self.shortest, self.longest)
                ),
            ]
        return self._known[word]

    def _of_words(self, hashes):
        """Buckets of the n-grams of neighbouring words, as fastText has them."""
        # It keeps hashes of words as signed numbers of 32 bits.
        hashes = [value - 2**32 if value >= 2**31 else value for value in hashes]
        for start, value in enumerate(hashes):
            for following in hashes[start + 1 : start + self.word_ngrams]:
                value = (value * _NEXT + following) & _MASK_64
                yield value % self.buckets


def split_words(text):
    """Returns the words of a text, and its punctuation marks, a list of strings."""
    return _WORD.findall(text)


def character_ngrams(word, shortest, longest):
    """Returns the n-grams of a word between `<` and `>`, in order.

    Args:
        word: String.
        shortest: Integer. Characters of the shortest n-gram. `<` and `>` by themselves
            are none.
        longest: Integer. Those of the longest.
    """
    word = f"<{word}>"
    last = len(word) - 1
    return [
        word[start:end]
        for start in range(len(word))
        for end in range(start + shortest, min(start + longest, len(word)) + 1)
        if end - start > 1 or 0 < start < last
    ]


def _hash(content):
    """FNV-1a of bytes, which fastText takes for signed ones."""
    value = _BASIS
    for byte in content:
        value ^= byte if byte < 128 else byte | 0xFFFFFF00
        value = value * _PRIME & _MASK
    return value
