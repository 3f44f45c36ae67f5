"""Nearest neighbours, by which samples are told from each other's surroundings."""

import numpy as np

from kdl.checks import check_integer

_AT_ONCE = 2**22  # Distances: 32 MiB.


def check_neighbours(neighbours, **counts):
    """Returns a number of neighbours, provided that each set has as many others.

    Args:
        neighbours: Value of the argument.
        **counts: Numbers of examples, by the name of the argument that holds them.

    Raises:
        ValueError: If it is no such number.
    """
    neighbours = check_integer("neighbours", neighbours, "[1, inf)")
    for name, count in counts.items():
        if neighbours >= count:
            raise ValueError(
                f"`neighbours` must be less than the number of examples in `{name}`, "
                f"{count:,}. Received: neighbours={neighbours}"
            )
    return neighbours


def distances(a, b):
    """Yields the distances of some rows of `a` to all of `b`, with a slice of these."""
    from scipy.spatial.distance import cdist  # Takes longer to import than all of kdl.

    rows = max(1, _AT_ONCE // len(b))
    for start in range(0, len(a), rows):
        some = slice(start, start + rows)
        # By differences: of equal rows it is exactly 0, which products do not give.
        yield some, cdist(a[some], b)


def radii(features, neighbours):
    """Returns how far the `neighbours`-th nearest other of each example is."""
    found = np.empty(len(features))
    for some, block in distances(features, features):
        # The nearest is the example itself, or an equal one.
        found[some] = np.partition(block, neighbours, axis=1)[:, neighbours]
    return found


def nearest(a, b):
    """Returns which row of `b` is the nearest to each of `a`."""
    return np.concatenate([block.argmin(1) for _, block in distances(a, b)])
