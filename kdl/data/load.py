"""Data by name."""

from kdl.data.digits import digits
from kdl.data.splits import Splits
from kdl.data.tfds import tfds


def load(source, seed=0):
    """Loads data by the name that a command line can carry.

    Args:
        source: `"digits"` or `"gallery"`, the two splits of `kdl.data.digits`;
            `"tfds:NAME"`, a data set of `kdl.data.tfds`, such as `"tfds:mnist"`;
            or `kdl.data.Splits`, which are returned as they are.
        seed: Integer in `[0, 2**32)`. Draws what the source leaves to chance.
            Defaults to `0`.

    Returns:
        `kdl.data.Splits`.

    Raises:
        ValueError: If no source has this name.
        ImportError: If the source needs a package that is not installed.
        ConnectionError: If the source must be downloaded and cannot be.

    Example:

    >>> (x, y), validation, test = kdl.data.load("gallery")
    """
    if isinstance(source, Splits):
        return source
    if source == "digits":
        return digits(seed=seed)
    if source == "gallery":
        return digits("gallery", seed)
    if isinstance(source, str) and source.startswith("tfds:"):
        return tfds(source.removeprefix("tfds:"), seed=seed)
    raise ValueError(
        "`source` must be 'digits', 'gallery', 'tfds:NAME' or a `kdl.data.Splits`. "
        f"Received: source={source!r}"
    )
