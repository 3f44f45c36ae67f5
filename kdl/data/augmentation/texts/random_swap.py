"""Random swaps of words."""

from typing import Any

import numpy as np

from kdl.checks import check_number
from kdl.data.augmentation.texts.words import changed
from kdl.typing import Arrays


class RandomSwap:
    """Swaps words of texts at random.

    Each word of a text swaps its place with another one with the same probability, one
    after the other: of `n` words, the number of swaps is `n * rate` on average. The
    paper rounds that number instead of drawing it, and swaps once at least.

    `kdl.data.Batches` calls it on texts; what makes tokens of them comes last in
    `augment`. A bag of words does not see what was swapped.

    Args:
        rate: Float in `[0, 1]`. Probability that a word is swapped with another one.
            Defaults to the paper's `0.1`.

    Call arguments:
        x: Array of strings of shape `(batch,)`.
        y: Targets, which stay as they are.
        rng: `numpy.random.Generator`.

    Returns:
        Tuple `(x, y)`.

    Raises:
        ValueError: If `rate` is outside its interval, or if `x` does not hold texts.

    Example:

    >>> swap = kdl.data.RandomSwap(0.5)
    >>> texts = np.array(["a small furry animal", "a large plant"])
    >>> x, y = swap(texts, np.array([0, 1]), np.random.default_rng(0))

    References:
        - [Wei and Zou, 2019](https://arxiv.org/abs/1901.11196)
    """

    def __init__(self, rate: float = 0.1) -> None:
        self.rate = check_number("rate", rate, "[0, 1]")

    def __call__(
        self, x: np.ndarray, y: Arrays, rng: np.random.Generator
    ) -> tuple[np.ndarray, Any]:
        def swap(words):
            count = len(words)
            # A word by itself has none to swap with.
            chosen = (rng.random(count) < self.rate).nonzero()[0] if count > 1 else ()
            for one in chosen:
                other = (one + rng.integers(1, count)) % count
                words[one], words[other] = words[other], words[one]
            return words

        return changed(x, swap), y
