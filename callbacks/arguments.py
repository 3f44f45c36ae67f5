"""Arguments of callbacks that are neither numbers nor choices."""

import os
from pathlib import Path


def check_string(name, value):
    """Returns `value`, provided it is a string that is not empty.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.

    Raises:
        ValueError: If `value` is anything else.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(
            f"`{name}` must be a string that is not empty. Received: {name}={value!r}"
        )
    return str(value)


def check_path(name, value):
    """Returns `value`, provided it is a path.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument. An empty string would be the working directory,
            which has a name of its own, `"."`.

    Raises:
        ValueError: If `value` is anything else.
    """
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ValueError(
            f"`{name}` must be a path, a string that is not empty or a `pathlib.Path`. "
            f"Received: {name}={value!r}"
        )
    return str(value) if isinstance(value, str) else value


def check_function(name, value):
    """Returns `value`, provided it can be called.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.

    Raises:
        ValueError: If `value` is anything else.
    """
    if not callable(value):
        raise ValueError(f"`{name}` must be a function. Received: {name}={value!r}")
    return value


def check_dict(name, value, what):
    """Returns `value`, provided it is a dict.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.
        what: String. What the dict holds, such as `"hyperparameters by name"`.

    Raises:
        ValueError: If `value` is anything else.
    """
    if not isinstance(value, dict):
        raise ValueError(
            f"`{name}` must be a dict of {what}. Received: {name}={value!r}"
        )
    return value


def make_folder(directory, name="directory"):
    """Makes the folder of an argument, as a fit begins, rather than after an epoch.

    Args:
        directory: Path of a folder.
        name: String. Name of the argument.

    Raises:
        ValueError: If there is none, and none can be made.
    """
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused_folder(directory, error, name) from None


def refused_folder(directory, error, name="directory"):
    """Returns the `ValueError` for a folder that the system refuses."""
    return ValueError(
        f"`{name}` must be a folder that can be written to. Received: "
        f"{name}={str(directory)!r}, of which the system says: {error}"
    )
