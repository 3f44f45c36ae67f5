"""Random crops."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from kdl.checks import check_boolean, check_integer, check_number
from kdl.data.augmentation.moving import check_images, moved
from kdl.typing import Arrays


class RandomCrop:
    """Cuts a piece of one size from each image of a batch, at a place of its own.

    All places are alike likely. With `padding`, each side of the image gets a frame
    of zeros before: a crop of the size of the image is then a shift by whole pixels.

    `keras.layers.RandomCrop` runs inside the model; this runs in NumPy, alike on every
    backend, inside `kdl.data.Batches`, whose seed repeats it. It crops in training
    only: where the pieces are smaller than the images, cut or resize those of
    validation and test, too.

    Args:
        height: Integer in `[1, inf)`. Of the pieces, in pixels.
        width: Integer in `[1, inf)`.
        padding: Integer in `[0, inf)`. Width of the frame, in pixels. Usual for images
            of 32 pixels is 4, cut back to 32. Defaults to `0`.
        masks: Boolean. Whether `y` holds masks, which are cropped as their images are.
            Defaults to `False`.
        mask_fill: Float in `(-inf, inf)`. What masks have in the frame, such as the
            index of the background. Defaults to `0.0`.

    Call arguments:
        x: Array of shape `(batch, rows, columns, channels)`.
        y: Targets, which stay as they are; with `masks` an array of shape `(batch,
            rows, columns)` or `(batch, rows, columns, channels)`.
        rng: `numpy.random.Generator`.
        sample_weight: Optional weights. With `masks`, those of pixels, of shape
            `(batch, rows, columns)`, are cropped, too, and the frame counts for
            nothing; others stay as they are.

    Returns:
        Tuple `(x, y)`; `x` has the shape `(batch, height, width, channels)`. With
        weights a tuple of these and of the weights.

    Raises:
        ValueError: If an argument is outside its interval, if `x` does not hold images,
            if they are smaller than the pieces, or, with `masks`, if `y` does not hold
            their masks or cannot hold `mask_fill`.

    Example:

    >>> crop = kdl.data.RandomCrop(8, 8, padding=1)
    >>> batches = kdl.data.Batches(x, y, augment=[crop])
    """

    def __init__(
        self,
        height: int,
        width: int,
        padding: int = 0,
        masks: bool = False,
        mask_fill: float = 0.0,
    ) -> None:
        self.height = check_integer("height", height, "[1, inf)")
        self.width = check_integer("width", width, "[1, inf)")
        self.padding = check_integer("padding", padding, "[0, inf)")
        self.masks = check_boolean("masks", masks)
        self.mask_fill = check_number("mask_fill", mask_fill, "(-inf, inf)")

    def __call__(
        self,
        x: np.ndarray,
        y: Arrays,
        rng: np.random.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> tuple[Any, ...]:
        x = check_images(x)
        size, frame = (self.height, self.width), (self.padding, self.padding)
        room = [
            length + 2 * self.padding - side
            for length, side in zip(x.shape[1:3], size, strict=True)
        ]
        if min(room) < 0:
            raise ValueError(
                f"`x` must hold images of at least {self.height} by {self.width} "
                f"pixels with their padding of {self.padding}. "
                f"Received: x of shape {x.shape}"
            )
        top, left = (rng.integers(places + 1, size=len(x)) for places in room)

        def crop(array, fill, is_nearest):
            array = np.pad(array, ((0, 0), frame, frame, (0, 0)), constant_values=fill)
            pieces = sliding_window_view(array, size, axis=(1, 2))
            return np.moveaxis(pieces[np.arange(len(array)), top, left], 1, -1)

        return moved(crop, x, y, sample_weight, self.masks, self.mask_fill)
