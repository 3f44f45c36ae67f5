"""Sums of long numbers."""

import numpy as np

from kdl.checks import check_integer
from kdl.data.splits import Splits, split_in_three


def arithmetic(examples: int = 20000, digits: int = 5, seed: int = 0) -> Splits:
    """Returns additions of two numbers, such as `"812+97"`, and sums, as texts.

    Each number has from one to `digits` digits, each count as often as the others, so
    that there are short sums to begin with. Where there are few, they come again.

    Args:
        examples: Integer in `[10, inf)`. Defaults to `20000`.
        digits: Integer in `[1, 15]`. Most digits of a number. Defaults to `5`.
        seed: Integer in `[0, 2**32)`. Draws them. Defaults to `0`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)` of arrays of strings of shape
        `(examples,)`, 80, 10 and 10 in a hundred. No addition is in two of them, nor
        with its numbers the other way round.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> (x, y), validation, test = kdl.data.arithmetic(examples=100)
    """
    check_integer("examples", examples, "[10, inf)")
    check_integer("digits", digits, "[1, 15]")
    rng = np.random.default_rng(check_integer("seed", seed, "[0, 4294967296)"))
    counts = rng.integers(1, digits + 1, (examples, 2))
    # A number of one digit may be 0, a longer one does not begin with it.
    low = np.where(counts == 1, 0, 10 ** (counts - 1))
    pairs = rng.integers(low, 10**counts)
    x = np.array([f"{a}+{b}" for a, b in pairs])
    y = pairs.sum(axis=1).astype(str)
    _, groups = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True)
    return split_in_three(x, y, groups, rng)
