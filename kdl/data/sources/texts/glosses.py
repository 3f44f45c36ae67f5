"""Definitions of ten kinds of thing."""

import csv
import gzip
from pathlib import Path

import numpy as np

from kdl.checks import check_integer
from kdl.data.splits import Splits, hold_out_each

_FILE = Path(__file__).parent / "wordnet" / "glosses.tsv.gz"


def glosses(seed: int = 0) -> Splits:
    """Loads 12,000 definitions of nouns from WordNet, which come with kdl.

    They are English, of 10 words on average, such as "a source of materials to
    nourish the body". What they define is an act, an animal, an artifact, a part of the
    body, a communication, a food, a location, a person, a plant or a substance, 1,200
    each. 9,600 train, 1,200 validate and 1,200 test, with as many of each class. On so
    few, a percent of accuracy more or less is chance.

    Args:
        seed: Integer in `[0, 2**32)`. Draws the parts. Defaults to `0`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`: texts, an array of strings of shape
        `(texts,)`, and labels, int32 in `[0, 9]`, of shape `(texts,)`, with the names
        of the classes.

    Raises:
        ValueError: If `seed` is outside its interval.

    Example:

    >>> (x, y), validation, test = kdl.data.glosses()

    References:
        - [Miller, 1995](https://doi.org/10.1145/219717.219748), WordNet
    """
    check_integer("seed", seed, "[0, 4294967296)")
    with gzip.open(_FILE, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    names, x = np.array(rows).T
    classes, y = np.unique(names, return_inverse=True)
    y = y.astype("int32")
    parts = hold_out_each(y, 2, seed)
    train, validation, test = ((x[some], y[some]) for some in parts)
    return Splits(train, validation, test, classes, drawn=True)
