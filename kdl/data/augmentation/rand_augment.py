"""RandAugment."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kdl.checks import check_boolean, check_integer, check_number
from kdl.data.augmentation.moving import check_images, moved
from kdl.data.augmentation.operations import COLORS
from kdl.data.augmentation.warped import warped
from kdl.typing import Arrays

# What a strength of 1 is: degrees, pixels per pixel, and shares of the side.
_ROTATION, _SHEAR, _TRANSLATION = 30, 0.3, 0.45
_MAPS = "rotate", "shear_x", "shear_y", "translate_x", "translate_y"
_OPERATIONS = *COLORS, *_MAPS


class RandAugment:
    """Changes each image of a batch by a few operations drawn from a list.

    Each image has `count` operations of its own, drawn one after the other, alike
    likely and with replacement, all at one strength `s`. Where an operation has two
    directions, one of them is drawn:

    | operation | what it does |
    |---|---|
    | `"identity"` | nothing |
    | `"rotate"` | turns by 30 s degrees, either way |
    | `"shear_x"`, `"shear_y"` | shifts rows or columns, 0.3 s pixels per pixel |
    | `"translate_x"`, `"translate_y"` | shifts by 0.45 s of the width or height |
    | `"brightness"` | from black, by a factor of 1 ± 0.9 s |
    | `"contrast"` | from the mean grey, by a factor of 1 ± 0.9 s |
    | `"sharpness"` | from the smoothed image, by a factor of 1 ± 0.9 s |
    | `"color"` | from the grey image, by a factor of 1 ± 0.9 s; on grey none |
    | `"posterize"` | keeps 8 to 4 bits, 8 - 4 s rounded |
    | `"solarize"` | inverts pixels above 1 - s |
    | `"autocontrast"` | stretches each channel to `[0, 1]` |
    | `"equalize"` | flattens the histogram of each channel |

    The list is the paper's, with the ranges of torchvision, symmetric about no change,
    except that pixels from outside the image are 0, and that pixels between others are
    interpolated bilinearly. Colours are Pillow's; `"equalize"` works, as it does there,
    on 8 bits, and leaves images of fewer than 256 pixels as they are.

    `keras.layers.RandAugment` runs inside the model, where its first batch takes half a
    minute on JAX; this runs in NumPy, alike on every backend, inside
    `kdl.data.Batches`, whose seed repeats it.

    Args:
        count: Integer in `[1, inf)`. Operations for each image. Defaults to `2`.
        strength: Float in `[0, 1]`. Defaults to `0.3`.
        operations: Sequence of names of the table. One that is there twice is twice as
            likely. Defaults to `None`, all of them.
        masks: Boolean. Whether `y` holds masks, which rotate, shear and translate with
            their images: masks of integers or Booleans take the nearest pixel, so that
            no new class is there, and masks of floats are interpolated as images are.
            Defaults to `False`.
        mask_fill: Float in `(-inf, inf)`. What masks have where they are from outside
            the image, such as the index of the background. Defaults to `0.0`.

    Call arguments:
        x: Float array of shape `(batch, height, width, channels)`, of 1 or 3 channels,
            with values in `[0, 1]`.
        y: Targets, which stay as they are; with `masks` an array of shape `(batch,
            height, width)` or `(batch, height, width, channels)`.
        rng: `numpy.random.Generator`.
        sample_weight: Optional weights. With `masks`, those of pixels, of shape
            `(batch, height, width)`, move with them, and pixels from outside the image
            count for nothing; others stay as they are.

    Returns:
        Tuple `(x, y)`, of the shapes and dtypes they had; with weights a tuple of these
        and of the weights.

    Raises:
        ValueError: If an argument is outside its interval, if `x` does not hold such
            images, or, with `masks`, if `y` does not hold their masks or cannot hold
            `mask_fill`.

    Example:

    >>> augment = [kdl.data.RandAugment(count=2, strength=0.3)]
    >>> batches = kdl.data.Batches(x, y, augment=augment)

    References:
        - [Cubuk et al., 2020](https://arxiv.org/abs/1909.13719)
    """

    def __init__(
        self,
        count: int = 2,
        strength: float = 0.3,
        operations: Sequence[str] | None = None,
        masks: bool = False,
        mask_fill: float = 0.0,
    ) -> None:
        self.count = check_integer("count", count, "[1, inf)")
        self.strength = check_number("strength", strength, "[0, 1]")
        self.operations = _check_operations(operations)
        self.masks = check_boolean("masks", masks)
        self.mask_fill = check_number("mask_fill", mask_fill, "(-inf, inf)")

    def __call__(
        self,
        x: np.ndarray,
        y: Arrays,
        rng: np.random.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> tuple[Any, ...]:
        x = _check_pixels(x).copy()
        names = np.array(self.operations or _OPERATIONS)
        drawn = names[rng.integers(len(names), size=(self.count, len(x)))]
        signs = rng.choice([-1, 1], size=drawn.shape)
        weights = [] if sample_weight is None else [sample_weight]
        for name, sign in zip(drawn, signs, strict=True):
            for color, change in COLORS.items():
                rows = np.flatnonzero(name == color)
                if len(rows):
                    x[rows] = change(x[rows], self.strength, sign[rows])
            x, y, *weights = self._warped(name, sign, x, y, *weights)
        return x, y, *weights

    def _warped(self, name, sign, x, y, sample_weight=None):
        """The batch after those of the operations that are maps of the plane."""
        rows = np.flatnonzero(np.isin(name, _MAPS))
        name, amount = name[rows], self.strength * sign[rows]
        is_drawn = {other: name == other for other in _MAPS}
        angle = np.deg2rad(_ROTATION * amount) * is_drawn["rotate"]
        matrices = np.empty((len(rows), 2, 2))
        matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(angle)
        matrices[:, 1, 0] = np.sin(angle) + _SHEAR * amount * is_drawn["shear_x"]
        matrices[:, 0, 1] = _SHEAR * amount * is_drawn["shear_y"] - np.sin(angle)
        moves = [is_drawn["translate_y"], is_drawn["translate_x"]]
        sides = _TRANSLATION * np.array(x.shape[1:3])
        shifts = amount[:, None] * sides * np.stack(moves, axis=1)

        def warp(array, fill, is_nearest):
            array = array.copy()
            array[rows] = warped(array[rows], matrices, shifts, fill, is_nearest)
            return array

        return moved(warp, x, y, sample_weight, self.masks, self.mask_fill)


def _check_operations(operations):
    if operations is None:
        return None
    is_list = isinstance(operations, (list, tuple)) and operations
    if not is_list or not all(name in _OPERATIONS for name in operations):
        names = ", ".join(map(repr, _OPERATIONS))
        raise ValueError(
            f"`operations` must be a list of one or more of {names}. "
            f"Received: operations={operations!r}"
        )
    return tuple(map(str, operations))


def _check_pixels(x):
    x = check_images(x)
    low, high = x.min(), x.max()
    # One that was interpolated may pass the end by rounding.
    is_inside = low >= -1e-3 and high <= 1 + 1e-3
    if x.dtype.kind != "f" or x.shape[-1] not in (1, 3) or not is_inside:
        raise ValueError(
            "`x` must hold images of floats in [0, 1], of 1 or 3 channels. "
            f"Received: x of shape {x.shape} and dtype {x.dtype}, with values from "
            f"{low} to {high}"
        )
    return x
