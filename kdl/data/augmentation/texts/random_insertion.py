"""Random insertion of words."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kdl.checks import check_number
from kdl.data.augmentation.texts.words import changed, texts_of
from kdl.typing import Arrays


class RandomInsertion:
    """Inserts words into texts at random.

    Of a text of `n` words, the number of words that are inserted is drawn from a
    binomial distribution, and is `n * rate` on average; each is put at a random place.
    They are drawn from `words`, or from the words of all texts of the batch, a frequent
    one more often.

    The paper inserts synonyms, for which it needs a thesaurus, and rounds their number.
    With `words=list(".;?:!,")` it is AEDA (Karimi et al., 2021), which inserts
    punctuation marks only, but for their number: there it is drawn from 1 to a third
    of the words.

    `kdl.data.Batches` calls it on texts; what makes tokens of them comes last in
    `augment`.

    Args:
        rate: Float in `[0, 1]`. Words that are inserted for each word there is.
            Defaults to the paper's `0.1`.
        words: Optional sequence of strings, one or more, to draw from. Defaults to
            `None`, those of the batch.

    Call arguments:
        x: Array of strings of shape `(batch,)`.
        y: Targets, which stay as they are.
        rng: `numpy.random.Generator`.

    Returns:
        Tuple `(x, y)`.

    Raises:
        ValueError: If an argument is not as described, or if `x` does not hold texts.

    Example:

    >>> insertion = kdl.data.RandomInsertion(0.5)
    >>> texts = np.array(["a small furry animal", "a large plant"])
    >>> x, y = insertion(texts, np.array([0, 1]), np.random.default_rng(0))

    References:
        - [Wei and Zou, 2019](https://arxiv.org/abs/1901.11196)
        - [Karimi et al., 2021](https://arxiv.org/abs/2108.13230)
    """

    def __init__(self, rate: float = 0.1, words: Sequence[str] | None = None) -> None:
        self.rate = check_number("rate", rate, "[0, 1]")
        is_list = isinstance(words, (list, tuple)) and len(words) > 0
        if words is not None and not (
            is_list and all(isinstance(word, str) for word in words)
        ):
            raise ValueError(
                "`words` must be a list of one string or more, or None. Received: "
                f"words={words!r}"
            )
        self.words = words

    def __call__(
        self, x: np.ndarray, y: Arrays, rng: np.random.Generator
    ) -> tuple[np.ndarray, Any]:
        known = self.words
        if known is None:
            known = [word for text in texts_of(x) for word in text.split()]

        def insert(words):
            for _ in range(rng.binomial(len(words), self.rate)):
                word = known[rng.integers(len(known))]
                words.insert(rng.integers(len(words) + 1), word)
            return words

        return changed(np.asarray(x), insert), y
