"""Enlarging images."""

import numpy as np

from kdl.data.sources.photographs import FACTORS
from kdl.metrics import PSNR, SSIM
from kdl.metrics.ssim import WINDOW
from kdl.recipes.vision.tiles import tiles

# Pixels of the small images that a tile adds along each side, and more than the network
# sees beyond them.
_TILE, _MARGIN = 192, 24


def pairs(splits, known):
    """Returns `splits`, provided they hold small images and large ones.

    Args:
        splits: `kdl.data.Splits`.
        known: Tuple of the factor and the number of channels that a model has, each
            `None` if there is no model yet.

    Raises:
        ValueError: If they do not, or are of another factor or number of channels.
    """
    for part in splits:
        x, y = map(np.asarray, part)
        sides = zip(x.shape[1:3], y.shape[1:3], strict=False)
        factors = {large / small for small, large in sides if small}
        fits = x.ndim == y.ndim == 4 and len(factors) == 1 and factors <= set(FACTORS)
        if not fits or x.shape[-1] != y.shape[-1] or x.shape[-1] not in (1, 3):
            raise ValueError(
                "`source` must hold small and large images of shapes (examples, "
                "height, width, channels) and (examples, factor * height, factor * "
                "width, channels), with a factor of 2, 3, 4 or 8 and 1 or 3 channels. "
                f"Received: {x.dtype} {x.shape} and {y.dtype} {y.shape}"
            )
        for images in (x, y):
            if images.size and not (images.min() >= 0 and images.max() <= 1):
                raise ValueError(
                    "`source` must hold images of numbers in [0, 1]. "
                    f"Received: {images.min()} to {images.max()}"
                )
        found = int(factors.pop()), x.shape[-1]
        known = tuple(a or b for a, b in zip(known, found, strict=True))
        if found != known:
            raise ValueError(
                f"`source` must hold images of {known[1]} channels with a factor of "
                f"{known[0]}, as the model or the training set has them. Received: "
                f"{found[1]} channels and a factor of {found[0]}"
            )
    return splits


def enlarge(model, images, factor):
    """Returns what a model makes of small images, tile by tile.

    A photograph as a whole would need gigabytes.

    Args:
        model: `keras.Model` of images of any size.
        images: Array of shape `(examples, height, width, channels)`.
        factor: Integer. By which the model enlarges.
    """
    count, height, width, channels = images.shape
    outputs = np.empty((count, factor * height, factor * width, channels), "float32")
    for image, made in zip(images, outputs, strict=True):
        for rows, columns, part in tiles(model, image, _TILE, (1, _MARGIN), factor):
            made[rows, columns] = part
    return outputs


def likeness(truth, images):
    """Returns how alike images are: PSNR and SSIM by name, floats.

    Of images smaller than its window, there is no SSIM.
    """
    metrics = [PSNR(), SSIM()] if min(truth.shape[1:3]) >= WINDOW else [PSNR()]
    for metric in metrics:
        metric.update_state(truth, images)
    return {metric.name: float(metric.result()) for metric in metrics}


def turned(x, y, rng):
    """Flips and turns small and large images, each pair in one of eight ways.

    Args:
        x: Array of shape `(batch, height, width, channels)`.
        y: Array of the same, larger.
        rng: `numpy.random.Generator`.
    """
    ways = rng.integers(0, 2, (3, len(x))).astype(bool)
    return tuple(_turned(images, *ways) for images in (x, y))


def _turned(images, across, over, transposed):
    images = images.copy()
    images[across] = images[across, :, ::-1]
    images[over] = images[over, ::-1]
    if images.shape[1] == images.shape[2]:
        images[transposed] = images[transposed].swapaxes(1, 2)
    return images
