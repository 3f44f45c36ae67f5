"""A small table of mixed columns."""

from pathlib import Path

from kdl.data.sources.tables.table import table
from kdl.data.splits import Splits


def penguins(seed: int = 0) -> Splits:
    """Loads 344 penguins: their species, and what was measured of them.

    Islands and sexes are categories, and 19 values are missing.

    Args:
        seed: Integer in `[0, 2**32)`. Draws the parts. Defaults to `0`.

    Returns:
        `kdl.data.Splits`, as `kdl.data.table` returns them.

    Example:

    >>> (x, y), validation, test = kdl.data.penguins()

    References:
        - [Horst, Hill and Gorman, 2020](https://doi.org/10.5281/zenodo.3960218), in the
          public domain (CC0)
    """
    path = Path(__file__).with_name("penguins.csv")
    return table(path, target="species", seed=seed)
