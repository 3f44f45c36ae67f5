"""English text that ships with Python."""

from kdl.checks import check_integer
from kdl.data.sources.texts.text_files import windows
from kdl.data.splits import Splits


def topics(length: int = 64) -> Splits:
    """Returns windows of the reference of Python, as `help()` shows it, as texts.

    The text is that of `pydoc_data.topics`, half a million characters, without those
    beyond ASCII and without indentation. Each version of Python has its own, so that
    results are to be compared under the same one.

    Args:
        length: Integer in `[2, inf)`. Characters of a window. Defaults to `64`.

    Returns:
        `kdl.data.Splits` of tuples `(x, x)` of arrays of strings of shape `(windows,)`,
        of the first 80, the next 10 and the last 10 in a hundred of the text: each
        window is to be predicted, character by character.

    Raises:
        ValueError: If `length` is outside its interval, or if there are fewer than ten
            such windows.

    Example:

    >>> (x, _), validation, test = kdl.data.topics()
    """
    from pydoc_data.topics import topics as texts

    check_integer("length", length, "[2, inf)")
    text = "\n".join(texts[name] for name in sorted(texts))
    lines = text.encode("ascii", "ignore").decode().split("\n")
    text = "\n".join(" ".join(line.split()) for line in lines)
    return windows(text, length, "The text of Python's topics")
