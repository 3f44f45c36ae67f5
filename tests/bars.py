"""Small images of bars, whose classes are quickly learned."""

import numpy as np

from kdl.data import Splits

NAMES = ["rows", "columns", "falling", "rising"]


def bars(count, classes=(0, 1, 2, 3), size=8, noise=0.3, shifts=2, seed=0):
    """Returns images of bars that lie in one of four ways, and their labels.

    Up to two `shifts` a linear classifier tells the ways apart, with four none does.
    """
    rng = np.random.default_rng(seed)
    labels = np.resize(np.array(classes, "int32"), count)
    rows, columns = np.mgrid[:size, :size]
    ways = np.stack([rows, columns, rows + columns, rows - columns])
    moved = rng.integers(0, shifts, count)[:, None, None]
    images = (ways[labels] + moved) % 4 < 2
    images = images + rng.normal(0, noise, images.shape)
    order = rng.permutation(count)
    return images[order, ..., None].astype("float32"), labels[order]


def splits(train=64, others=32, classes=(0, 1, 2, 3), tested=None, **options):
    """Returns `kdl.data.Splits`, of which maybe other classes test."""
    return Splits(
        bars(train, classes, seed=1, **options),
        bars(others, classes, seed=2, **options),
        bars(others, tested or classes, seed=3, **options),
        classes=NAMES,
    )
