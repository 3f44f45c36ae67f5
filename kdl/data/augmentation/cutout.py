"""Cutout."""

import contextlib
from typing import Any

import numpy as np

from kdl.checks import check_integer, check_number
from kdl.data.augmentation.boxes import random_boxes
from kdl.data.augmentation.moving import check_images
from kdl.typing import Arrays


class Cutout:
    """Fills holes in each image of a batch, so that a model must look at the rest.

    The centre of a hole is drawn uniformly from the pixels of the image; what would lie
    outside the image is cut off, as in the paper, so that holes at the edges are
    smaller. All channels have the same holes. Targets stay as they are: a mask too,
    whose part under a hole is to be told from what is around it.

    `keras.layers.RandomErasing` is its like inside the model; this runs in NumPy, alike
    on every backend, inside `kdl.data.Batches`, whose seed repeats it. To drop regions
    of features, take `kdl.layers.DropBlock2D`.

    Args:
        size: Integer in `[1, inf)`, the side of a hole in pixels, or float in `(0, 1)`,
            its share of the height and of the width, at least a pixel. The paper has
            16 pixels of 32 on CIFAR-10 and 8 on CIFAR-100.
        holes: Integer in `[1, inf)`. Holes in each image, which may overlap. Defaults
            to `1`.
        fill: Float in `(-inf, inf)`. What is in the holes. The paper has the mean of
            the pixels, 0 after its normalization. Defaults to `0.0`.

    Call arguments:
        x: Array of shape `(batch, height, width, channels)`.
        y: Targets, which stay as they are.
        rng: `numpy.random.Generator`.

    Returns:
        Tuple `(x, y)`; `x` has the shape and dtype it had.

    Raises:
        ValueError: If an argument is outside its interval, or if `x` does not hold
            images.

    Example:

    >>> batches = kdl.data.Batches(x, y, augment=[kdl.data.Cutout(size=4)])

    References:
        - [DeVries and Taylor, 2017](https://arxiv.org/abs/1708.04552)
    """

    def __init__(self, size: int | float, holes: int = 1, fill: float = 0.0) -> None:
        self.size = _check_size(size)
        self.holes = check_integer("holes", holes, "[1, inf)")
        self.fill = check_number("fill", fill, "(-inf, inf)")

    def __call__(
        self, x: np.ndarray, y: Arrays, rng: np.random.Generator
    ) -> tuple[np.ndarray, Any]:
        x = check_images(x).copy()
        is_hole = np.zeros(x.shape[:3], bool)
        sides = [np.full(len(x), self._side(length)) for length in x.shape[1:3]]
        for _ in range(self.holes):
            is_hole |= random_boxes(*sides, x.shape[1:3], rng)[0]
        x[is_hole] = self.fill
        return x, y

    def _side(self, length):
        if isinstance(self.size, int):
            return self.size
        return max(1, round(self.size * length))


def _check_size(size):
    for check, interval in ((check_integer, "[1, inf)"), (check_number, "(0, 1)")):
        with contextlib.suppress(ValueError):
            return check("size", size, interval)
    raise ValueError(
        "`size` must be an integer in [1, inf), of pixels, or a number in (0, 1), a "
        f"share of each side. Received: size={size!r}"
    )
