"""Random affine maps."""

from typing import Any

import numpy as np

from kdl.checks import check_boolean, check_number
from kdl.data.augmentation.moving import moved
from kdl.data.augmentation.warped import warped
from kdl.typing import Arrays


class RandomAffine:
    """Shifts, rotates, zooms and shears each image of a batch a little.

    Each image is resampled under a map of its own about its centre,

        rotation(a) @ shear(s) @ zoom(z) + shift

    whose parameters are uniform in the intervals below. Pixels between others are
    interpolated bilinearly; those from outside the image are 0.

    `keras.layers.RandomAffine` and its like run inside the model, where they slow
    training down on JAX and PyTorch; this runs in NumPy, alike on every backend,
    inside `kdl.data.Batches`, whose seed repeats it. In small images a whole pixel
    is much: shifts here are fractions of one, too.

    Args:
        shift: Float in `[0, inf)`. Largest shift in pixels, along each axis.
            Defaults to `1.0`.
        rotation: Float in `[0, 180]`. Largest angle in degrees, either way.
            Defaults to `0.0`.
        zoom: Float in `[0, 1)`. Largest change of scale: factors lie in
            `[1 - zoom, 1 + zoom]`, one factor for both axes. Defaults to `0.0`.
        shear: Float in `[0, 1]`. Largest horizontal shift of a row, either way, per
            pixel that it lies above the centre. Defaults to `0.0`.
        masks: Boolean. Whether `y` holds masks, which move with their images: masks of
            integers or Booleans take the nearest pixel, so that no new class is there,
            and masks of floats are interpolated as images are. Defaults to `False`.
        mask_fill: Float in `(-inf, inf)`. What masks have where they are from outside
            the image, such as the index of the background. Defaults to `0.0`.

    Call arguments:
        x: Float array of shape `(batch, height, width, channels)`.
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
        ValueError: If an argument is outside its interval, if `x` does not hold images,
            or, with `masks`, if `y` does not hold their masks or cannot hold
            `mask_fill`.

    Example:

    >>> warp = kdl.data.RandomAffine(shift=1.0, rotation=10.0)
    >>> batches = kdl.data.Batches(x, y, augment=[warp])

    References:
        - [Simard et al., 2003](https://doi.org/10.1109/ICDAR.2003.1227801)
    """

    def __init__(
        self,
        shift: float = 1.0,
        rotation: float = 0.0,
        zoom: float = 0.0,
        shear: float = 0.0,
        masks: bool = False,
        mask_fill: float = 0.0,
    ) -> None:
        self.shift = check_number("shift", shift, "[0, inf)")
        self.rotation = check_number("rotation", rotation, "[0, 180]")
        self.zoom = check_number("zoom", zoom, "[0, 1)")
        self.shear = check_number("shear", shear, "[0, 1]")
        self.masks = check_boolean("masks", masks)
        self.mask_fill = check_number("mask_fill", mask_fill, "(-inf, inf)")

    def __call__(
        self,
        x: np.ndarray,
        y: Arrays,
        rng: np.random.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> tuple[Any, ...]:
        matrices, shifts = self._maps(len(x), rng)

        def warp(array, fill, is_nearest):
            return warped(array, matrices, shifts, fill, is_nearest)

        return moved(warp, x, y, sample_weight, self.masks, self.mask_fill)

    def _maps(self, count, rng):
        """Matrices of shape `(count, 2, 2)` and shifts of shape `(count, 2)`."""
        angle, shear, zoom = rng.uniform(-1, 1, (3, count))
        angle = np.deg2rad(self.rotation) * angle
        cos, sin = np.cos(angle), np.sin(angle)
        rotation = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
        matrices = np.broadcast_to(np.eye(2), (count, 2, 2)).copy()
        matrices[:, 1, 0] = self.shear * shear
        matrices *= (1 + self.zoom * zoom)[:, np.newaxis, np.newaxis]
        return rotation @ matrices, rng.uniform(-self.shift, self.shift, (count, 2))
