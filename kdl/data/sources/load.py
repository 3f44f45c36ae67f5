"""Data by name."""

from kdl.data.sources.arithmetic import arithmetic
from kdl.data.sources.dates import dates
from kdl.data.sources.digits import digits
from kdl.data.sources.mackey_glass import mackey_glass
from kdl.data.sources.text_files import read_pairs, read_windows
from kdl.data.sources.tfds import tfds
from kdl.data.sources.topics import topics
from kdl.data.splits import Splits


def load(source, seed=0):
    """Loads data by the name that a command line can carry.

    Args:
        source: `"digits"` or `"gallery"`, the two splits of `kdl.data.digits`;
            `"dates"`, `"arithmetic"`, `"topics"` or `"mackey_glass"`, after the
            functions of `kdl.data`; `"tfds:NAME"`, a data set of `kdl.data.tfds`, such
            as `"tfds:mnist"`; `"text:PATH"`, the text in a file, in windows of 64
            characters as those of `kdl.data.topics`; `"pairs:PATH"`, the lines of a
            file, each of a text, a tab and what it is to become; or `kdl.data.Splits`,
            which are returned as they are. Files are in UTF-8.
        seed: Integer in `[0, 2**32)`. Draws what the source leaves to chance.
            Defaults to `0`.

    Returns:
        `kdl.data.Splits`.

    Raises:
        ValueError: If no source has this name, or if a file does not hold what it
            should.
        ImportError: If the source needs a package that is not installed.
        ConnectionError: If the source must be downloaded and cannot be.
        OSError: If a file cannot be read.

    Example:

    >>> (x, y), validation, test = kdl.data.load("gallery")
    """
    check_source(source)
    if isinstance(source, Splits):
        return source
    if source in _NAMED:
        return _NAMED[source](seed)
    kind, _, name = source.partition(":")
    return _KINDS[kind](name, seed)


def check_source(source):
    """Returns `source`, provided `load` knows it, before anything is loaded.

    Args:
        source: As of `load`.

    Raises:
        ValueError: If no source has this name.
    """
    known = isinstance(source, Splits)
    if isinstance(source, str):
        kind, _, name = source.partition(":")
        known = source in _NAMED or bool(name and kind in _KINDS)
    if not known:
        raise ValueError(
            f"`source` must be {', '.join(map(repr, _NAMED))}, 'tfds:NAME', "
            "'text:PATH', 'pairs:PATH' or a `kdl.data.Splits`. "
            f"Received: source={source!r}"
        )
    return source


_NAMED = {
    "digits": lambda seed: digits(seed=seed),
    "gallery": lambda seed: digits("gallery", seed),
    "dates": lambda seed: dates(seed=seed),
    "arithmetic": lambda seed: arithmetic(seed=seed),
    "topics": lambda seed: topics(),
    "mackey_glass": lambda seed: mackey_glass(seed=seed),
}
_KINDS = {
    "tfds": lambda name, seed: tfds(name, seed=seed),
    "text": lambda path, seed: read_windows(path),
    "pairs": read_pairs,
}
