"""Slips of the keyboard."""

from typing import Any

import numpy as np

from kdl.checks import check_number
from kdl.data.augmentation.texts.words import texts_of
from kdl.typing import Arrays

_ROWS = "1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"
# How far the keys of a row are to the right of those of the first row, in keys.
_SHIFTS = 0.0, 0.5, 0.75, 1.25
# Centres of keys that touch are at most so far apart, in keys.
_REACH = 1.3


class KeyboardNoise:
    """Replaces letters and digits of texts by their neighbours on the keyboard.

    It makes the slips of one who types: `s` becomes one of `a`, `d`, `e`, `w`, `x` and
    `z`, each as likely as the others. The keyboard is the American one, QWERTY. Letters
    that it lacks and punctuation marks stay, and capital letters are capital again.

    `kdl.data.Batches` calls it on texts; what makes tokens of them comes last in
    `augment`.

    Args:
        rate: Float in `[0, 1]`. Probability that a letter or a digit is replaced.
            Defaults to `0.05`.

    Call arguments:
        x: Array of strings of shape `(batch,)`.
        y: Targets, which stay as they are.
        rng: `numpy.random.Generator`.

    Returns:
        Tuple `(x, y)`.

    Raises:
        ValueError: If `rate` is outside its interval, or if `x` does not hold texts.

    Example:

    >>> noise = kdl.data.KeyboardNoise(0.2)
    >>> texts = np.array(["a small furry animal", "a large plant"])
    >>> x, y = noise(texts, np.array([0, 1]), np.random.default_rng(0))

    References:
        - [Belinkov and Bisk, 2018](https://arxiv.org/abs/1711.02173)
    """

    def __init__(self, rate: float = 0.05) -> None:
        self.rate = check_number("rate", rate, "[0, 1]")

    def __call__(
        self, x: np.ndarray, y: Arrays, rng: np.random.Generator
    ) -> tuple[np.ndarray, Any]:
        texts = texts_of(x)
        for row, text in enumerate(texts):
            letters = list(text)
            for place in np.flatnonzero(rng.random(len(letters)) < self.rate):
                near = NEIGHBOURS.get(letters[place].lower())
                if near is not None:
                    slip = near[rng.integers(len(near))]
                    is_capital = letters[place].isupper()
                    letters[place] = slip.upper() if is_capital else slip
            texts[row] = "".join(letters)
        return np.array(texts, str), y


def _neighbours():
    """The keys that touch each key, by it, sorted."""
    centres = {
        key: np.array([shift + column, line])
        for line, (row, shift) in enumerate(zip(_ROWS, _SHIFTS, strict=True))
        for column, key in enumerate(row)
    }
    return {
        key: sorted(
            other
            for other, there in centres.items()
            if other != key and np.linalg.norm(there - here) < _REACH
        )
        for key, here in centres.items()
    }


NEIGHBOURS = _neighbours()
