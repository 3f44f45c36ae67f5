"""Random deletion of words."""

from typing import Any

import numpy as np

from kdl.checks import check_number
from kdl.data.augmentation.texts.words import changed
from kdl.typing import Arrays


class RandomDeletion:
    """Deletes words of texts at random, each with the same probability.

    A text of which all words would go keeps one, drawn at random.

    `kdl.data.Batches` calls it on texts; what makes tokens of them comes last in
    `augment`.

    Args:
        rate: Float in `[0, 1]`. Probability that a word is deleted. Defaults to the
            paper's `0.1`.

    Call arguments:
        x: Array of strings of shape `(batch,)`.
        y: Targets, which stay as they are.
        rng: `numpy.random.Generator`.

    Returns:
        Tuple `(x, y)`.

    Raises:
        ValueError: If `rate` is outside its interval, or if `x` does not hold texts.

    Example:

    >>> deletion = kdl.data.RandomDeletion(0.5)
    >>> texts = np.array(["a small furry animal", "a large plant"])
    >>> x, y = deletion(texts, np.array([0, 1]), np.random.default_rng(0))

    References:
        - [Wei and Zou, 2019](https://arxiv.org/abs/1901.11196)
    """

    def __init__(self, rate: float = 0.1) -> None:
        self.rate = check_number("rate", rate, "[0, 1]")

    def __call__(
        self, x: np.ndarray, y: Arrays, rng: np.random.Generator
    ) -> tuple[np.ndarray, Any]:
        def delete(words):
            kept = rng.random(len(words)) >= self.rate
            if words and not kept.any():
                kept[rng.integers(len(words))] = True
            return [word for word, is_kept in zip(words, kept, strict=True) if is_kept]

        return changed(x, delete), y
