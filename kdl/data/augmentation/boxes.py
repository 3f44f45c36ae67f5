"""Boxes in images."""

import numpy as np


def random_boxes(height, width, shape, rng):
    """Pixels of boxes whose centres are drawn uniformly from all pixels.

    What would lie outside the image is cut off.

    Args:
        height: Integer array of shape `(batch,)`. In pixels, from 0.
        width: As `height`.
        shape: Tuple of integers. Height and width of the images.
        rng: `numpy.random.Generator`.

    Returns:
        Boolean array of shape `(batch, *shape)`, and array of shape `(batch,)` of the
        share of the image that each box covers.
    """
    inside = []
    for side, length in zip((height, width), shape, strict=True):
        start = rng.integers(length, size=len(side)) - side // 2
        pixels = np.arange(length) - start[:, None]
        inside.append((pixels >= 0) & (pixels < side[:, None]))
    boxes = inside[0][:, :, None] & inside[1][:, None]
    return boxes, boxes.mean((1, 2))
