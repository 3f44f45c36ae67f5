"""Random flips."""

from typing import Any

import numpy as np

from kdl.checks import check_boolean, check_number
from kdl.data.augmentation.moving import moved
from kdl.typing import Arrays


class RandomFlip:
    """Flips images of a batch at random, left to right or upside down.

    Flip only what is as likely seen from its other side: clothes and animals left to
    right, what is seen from above both ways, letters and digits not at all.

    Args:
        horizontal: Float in `[0, 1]`. Probability that an image is flipped left to
            right. Defaults to `0.5`.
        vertical: Float in `[0, 1]`. Probability that it is turned upside down. Defaults
            to `0.0`.
        masks: Boolean. Whether `y` holds masks, which are flipped with their images.
            Defaults to `False`.

    Call arguments:
        x: Array of shape `(batch, height, width, channels)`.
        y: Targets, which stay as they are; with `masks` an array of shape `(batch,
            height, width)` or `(batch, height, width, channels)`.
        rng: `numpy.random.Generator`.
        sample_weight: Optional weights. With `masks`, those of pixels, of shape
            `(batch, height, width)`, move with them; others stay as they are.

    Returns:
        Tuple `(x, y)`, of the shapes and dtypes they had; with weights a tuple of these
        and of the weights.

    Raises:
        ValueError: If an argument is outside its interval, if `x` does not hold images,
            or if `y` does not hold their masks with `masks`.

    Example:

    >>> batches = kdl.data.Batches(x, y, augment=[kdl.data.RandomFlip()])
    """

    def __init__(
        self, horizontal: float = 0.5, vertical: float = 0.0, masks: bool = False
    ) -> None:
        self.horizontal = check_number("horizontal", horizontal, "[0, 1]")
        self.vertical = check_number("vertical", vertical, "[0, 1]")
        self.masks = check_boolean("masks", masks)

    def __call__(
        self,
        x: np.ndarray,
        y: Arrays,
        rng: np.random.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> tuple[Any, ...]:
        # Drawn in any case, so that one rate does not move the other's draws.
        across, over = (
            np.flatnonzero(rng.random(len(x)) < rate)
            for rate in (self.horizontal, self.vertical)
        )

        def flip(array, fill, is_nearest):
            array = array.copy()
            for axis, rows in ((2, across), (1, over)):
                array[rows] = np.flip(array[rows], axis)
            return array

        return moved(flip, x, y, sample_weight, self.masks)
