"""What measures of samples take."""

import numpy as np


def check_array(name, value):
    """Returns `value` as an array of two or more rows of finite numbers.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument: anything that `numpy.asarray` takes.

    Raises:
        ValueError: If `value` is anything else.
    """
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # Of rows of unequal lengths.
        array = np.asarray(None)
    if array.dtype.kind not in "buif" or not array.ndim or len(array) < 2:
        has_numbers = array.dtype.kind in "buif"
        received = f"shape={array.shape}" if has_numbers else f"{name}={value!r}"
        raise ValueError(
            f"`{name}` must be an array of two or more rows of numbers. Received: "
            f"{received}"
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"`{name}` must have finite numbers. Received: "
            f"{np.count_nonzero(~np.isfinite(array)):,} that are not"
        )
    return array


def check_features(name, value):
    """Returns `value` as an array of shape `(examples, features)` in float64.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument.

    Raises:
        ValueError: If `value` is anything else, or has fewer than two examples.
    """
    array = check_array(name, value)
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(
            f"`{name}` must have the shape (examples, features). Received: "
            f"shape={array.shape}"
        )
    return array.astype("float64")


def check_alike(**features):
    """Returns two arrays of features, provided they have as many features.

    Args:
        **features: Values of two arguments by name.

    Raises:
        ValueError: If they are no features, or have not.
    """
    (first, a), (second, b) = (
        (name, check_features(name, value)) for name, value in features.items()
    )
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"`{first}` and `{second}` must have as many features. Received: "
            f"{a.shape[1]} and {b.shape[1]}"
        )
    return a, b
