"""Small data sets, of which another model has seen something like it, and larger ones.

The ten classes of `kdl.data.fashion` are two tasks here: five to learn much from, and
five others that share something with them, as ankle boots do with sneakers.
"""

import numpy as np
from scipy import ndimage

from kdl.data import Splits, fashion
from kdl.data.sources.digits import images_and_labels
from kdl.data.splits import hold_out
from kdl.seeds import SPLITS, generator

LEARNED = "pullover", "dress", "coat", "sandal", "sneaker"
LABELS = 50  # Of each class in the training set.
_SIDE = 28
_VALIDATED, _TESTED = 300, 500  # Digits.


def learned_clothes():
    """Returns `kdl.data.Splits` of 2,000 clothes of five classes to train on."""
    return _classes(fashion(), LEARNED)


def few_clothes(seed, labels=LABELS):
    """Returns `kdl.data.Splits` of the five other classes, with few labels to train on.

    Args:
        seed: Integer in `[0, 2**32)`. Draws which clothes train; the others of the
            training set are left out.
        labels: Integer in `[1, 400]`. How many train, of each class. Defaults to `50`.
    """
    splits = fashion()
    others = [name for name in splits.classes if name not in LEARNED]
    return _with_few(_classes(splits, others), seed, labels)


def few_digits(seed, labels=LABELS):
    """Returns `kdl.data.Splits` of digits as large as the clothes, with few labels.

    Args:
        seed: Integer in `[0, 2**32)`. Draws all parts.
        labels: Integer in `[1, 97]`. How many train, of each class. Defaults to `50`.
    """
    x, y = images_and_labels()
    factors = 1, _SIDE / x.shape[1], _SIDE / x.shape[2], 1
    x = ndimage.zoom(x, factors, order=1, mode="nearest", grid_mode=True)
    rest, test = hold_out(x.clip(0, 1), y, _TESTED, seed)
    train, validation = hold_out(*rest, _VALIDATED, seed)
    splits = Splits(train, validation, test, classes=map(str, range(10)))
    return _with_few(splits, seed, labels)


def _classes(splits, names):
    """Splits with some of the classes alone, numbered anew."""
    labels = np.full(len(splits.classes), -1, "int32")
    labels[[splits.classes.index(name) for name in names]] = np.arange(len(names))
    parts = ((x[labels[y] >= 0], labels[y][labels[y] >= 0]) for x, y in splits)
    return Splits(*parts, classes=names)


def _with_few(splits, seed, labels):
    """Splits with fewer examples to train on, as many of each class."""
    (x, y), validation, test = splits
    rng = generator(seed, SPLITS)
    rows = [
        rng.permutation(np.flatnonzero(y == label))[:labels]
        for label in range(len(splits.classes))
    ]
    rows = rng.permutation(np.concatenate(rows))
    return Splits((x[rows], y[rows]), validation, test, splits.classes)
