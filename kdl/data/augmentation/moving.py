"""Moving images, and with them what belongs to their pixels."""

import numpy as np


def check_images(x):
    """Returns `x` as an array, provided it holds images.

    Raises:
        ValueError: If it does not.
    """
    x = np.asarray(x)
    if x.ndim != 4:
        raise ValueError(
            "`x` must hold images, of shape (batch, height, width, channels). "
            f"Received: x of shape {x.shape}"
        )
    return x


def check_masks(y, x):
    """Returns `y` as an array, provided it holds a mask for each image of `x`.

    Raises:
        ValueError: If it does not.
    """
    y = np.asarray(y)
    if y.shape[:3] != x.shape[:3] or y.ndim > 4 or y.dtype.kind not in "biuf":
        raise ValueError(
            f"`y` must hold a mask of numbers for each image, of shape {x.shape[:3]}, "
            "with or without an axis of channels. "
            f"Received: y of shape {y.shape} and dtype {y.dtype}"
        )
    return y


def moved(move, x, y, sample_weight, masks, mask_fill=0.0):
    """A batch of images, moved together with their masks.

    Args:
        move: Function `(array, fill, is_nearest) -> array` of arrays of shape `(batch,
            height, width, channels)`. Pixels from outside the array are `fill`. If
            `is_nearest`, no value may be there that was not there before.
        x: Array of shape `(batch, height, width, channels)`.
        y: Targets. With `masks`, an array of shape `(batch, height, width)` or
            `(batch, height, width, channels)`.
        sample_weight: Weights, or `None`. With `masks`, those of pixels are moved, too:
            pixels from outside the image count for nothing.
        masks: Boolean. Whether `y` holds masks.
        mask_fill: Float. What masks have outside the image.

    Returns:
        Tuple `(x, y)`, and the weights if there are any.

    Raises:
        ValueError: If `x` does not hold images or, with `masks`, `y` their masks, or if
            masks of their dtype cannot hold `mask_fill`.
    """
    x = check_images(x)
    weights = [] if sample_weight is None else [sample_weight]
    if masks:
        y = check_masks(y, x)
        _check_fill(mask_fill, y.dtype)
        y = _with_channels(move, y, mask_fill, y.dtype.kind != "f")
        weights = [
            _with_channels(move, np.asarray(weight, "float32"), 0, False)
            if np.shape(weight)[:3] == x.shape[:3]
            else weight
            for weight in weights
        ]
    return move(x, 0, False), y, *weights


def _with_channels(move, array, fill, is_nearest):
    if array.ndim == 4:
        return move(array, fill, is_nearest)
    return move(array[..., np.newaxis], fill, is_nearest)[..., 0]


def _check_fill(fill, dtype):
    if dtype.kind == "f":
        return
    low, high = (0, 1) if dtype.kind == "b" else _ends(dtype)
    if not low <= fill <= high or fill != int(fill):
        raise ValueError(
            f"`mask_fill` must be a value that masks of dtype {dtype} can hold. "
            f"Received: mask_fill={fill}"
        )


def _ends(dtype):
    return np.iinfo(dtype).min, np.iinfo(dtype).max
