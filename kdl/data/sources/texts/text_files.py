"""Texts from files."""

from pathlib import Path

import numpy as np

from kdl.data.splits import Splits, split_in_three

_MOST = 2**30  # Bytes of a text, of which there are several copies in memory.


def read_windows(path):
    """Returns windows of the text in a file, as `windows` of 64 characters does.

    Args:
        path: Path of a file in UTF-8.

    Returns:
        `kdl.data.Splits`.

    Raises:
        ValueError: If it is no regular file of at most 1 GiB, is not in UTF-8, or has
            fewer than ten windows.
        OSError: If it cannot be read.
    """
    return windows(read_text(path), 64, f"The text in {path}")


def windows(text, length, name):
    """Returns windows of a text, one after the other and of `length` characters each.

    Args:
        text: String. What remains after the last window is left out.
        length: Integer in `[1, inf)`.
        name: String. What an error calls the text.

    Returns:
        `kdl.data.Splits` of tuples `(x, x)` of arrays of strings of shape `(windows,)`,
        the first 80, the next 10 and the last 10 in a hundred.

    Raises:
        ValueError: If the text has fewer than ten windows.
    """
    count = len(text) // length
    if count < 10:
        raise ValueError(
            f"{name} must have ten windows of {length} characters or more. Received: "
            f"{len(text)} characters"
        )
    parts = np.array([text[n * length : (n + 1) * length] for n in range(count)])
    parts = np.split(parts, [count * 8 // 10, count * 9 // 10])
    return Splits(*((part, part) for part in parts))


def read_pairs(path, seed):
    """Returns the lines of a file, of two texts with a tab between, in three parts.

    Empty lines are left out. Lines that begin with the same text stay together.

    Args:
        path: Path of a file in UTF-8.
        seed: Integer in `[0, 2**32)`. Draws the parts.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)` of arrays of strings of shape `(lines,)`,
        80, 10 and 10 in a hundred.

    Raises:
        ValueError: If it is no regular file of at most 1 GiB, is not in UTF-8, if a
            line is something else, or if fewer than ten begin differently.
        OSError: If the file cannot be read.
    """
    pairs = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        pair = line.split("\t")
        if line and (len(pair) != 2 or not all(pair)):
            raise ValueError(
                f"{path} must have two texts on each line, with a tab between. "
                f"Received: line {number}, {line!r}"
            )
        if line:
            pairs.append(pair)
    x, y = np.array(pairs, str).reshape(-1, 2).T
    first, groups = np.unique(x, return_inverse=True)
    if len(first) < 10:
        raise ValueError(
            f"{path} must have ten lines or more that begin with different texts. "
            f"Received: {len(first)} of them"
        )
    return split_in_three(x, y, groups, np.random.default_rng(seed))


def read_text(path):
    """Returns the text in a file, which is in UTF-8 and no larger than 1 GiB."""
    # A shell leaves `~` alone after the colon of `text:~/book.txt`.
    path = Path(path).expanduser()
    try:
        # A pipe or a device may never end.
        if path.is_char_device() or path.is_fifo() or path.stat().st_size > _MOST:
            raise ValueError(
                f"{path} must be a file, no device or pipe, of at most {_MOST} bytes."
            )
        # Editors on Windows may begin a file with a mark, which is no part of it.
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} must be a text in UTF-8. Received: the byte "
            f"{error.object[error.start]:#04x} at position {error.start}"
        ) from None
