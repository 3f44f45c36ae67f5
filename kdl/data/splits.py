"""Training, validation and test data."""

from typing import Any, NamedTuple

import numpy as np


class Splits(NamedTuple):
    """Data in three parts, each a tuple `(x, y)` of arrays.

    It unpacks as `(x, y), (x_val, y_val), (x_test, y_test) = splits`.

    Args:
        train: What the weights are fitted to.
        validation: What decides when to stop and which trial is best.
        test: What is looked at once, at the end.

    Example:

    >>> parts = (x[50:], y[50:]), (x[25:50], y[25:50]), (x[:25], y[:25])
    >>> splits = kdl.data.Splits(*parts)
    >>> recipe = kdl.recipes.Digits(splits)
    """

    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    test: tuple[Any, Any]


def hold_out(x, y, share, seed):
    """Splits `(x, y)` at random into the rest and a stratified `share` of it.

    Args:
        x: Array of shape `(examples, ...)`.
        y: Integer array of shape `(examples,)`. Labels; their proportions are the
            same in both parts.
        share: Float in `(0, 1)`. Share of the examples in the second part.
        seed: Integer in `[0, 2**32)`. Same seed, same parts.

    Returns:
        Tuple `((x, y), (x_held_out, y_held_out))`.
    """
    # Here, since it takes longer to import than all of kdl.
    from sklearn.model_selection import train_test_split

    x, x_held_out, y, y_held_out = train_test_split(
        x, y, test_size=share, random_state=seed, stratify=y
    )
    return (x, y), (x_held_out, y_held_out)


def labelled_images(splits):
    """Returns `splits`, provided they hold images with one label each.

    Args:
        splits: `kdl.data.Splits`.

    Raises:
        ValueError: If the inputs of a part are not of four dimensions, or if its
            labels are not integers of 0 or more.
    """
    for part in splits:
        x, y = map(np.asarray, part)
        integers = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
        if x.ndim != 4 or not integers or y.min() < 0:
            raise ValueError(
                "`source` must hold images of shape (examples, height, width, "
                "channels) and one label each, an integer of 0 or more. "
                f"Received: {x.dtype} {x.shape} and {y.dtype} {y.shape}"
            )
    return splits
