"""Images of any size, tile by tile."""

import math

import numpy as np

from kdl.layers import UNetDownBlock

SIDE = 256  # Of what a tile adds to the outputs, in pixels.


def tiles(model, image, side=SIDE, seen=None, scale=1):
    """Yields what a network makes of an image, tile by tile, without seams.

    It is the overlap-tile strategy of the paper: each tile is seen with all around it
    that its outputs depend on. Beyond its borders, an image is reflected. The outputs
    do not depend on the size of the tiles, except with a normalization over the pixels
    of an image, such as group normalization. Memory is that of a tile, and `image` may
    be a `numpy.memmap`.

    Args:
        model: `keras.Model` of images of any size, such as those of `kdl.models.unet`.
        image: Array of shape `(height, width, channels)`.
        side: Integer in `[1, inf)`. Pixels that a tile adds to the outputs, along each
            side; rounded up to a multiple of what the network divides images by.
            Defaults to `256`.
        seen: Optional tuple of integers, by what a network divides images and how far
            it sees. Defaults to `None`, for what `reach` says of a U-Net.
        scale: Integer. By how much outputs are larger than images. Defaults to `1`.

    Yields:
        Tuple of two slices, of rows and of columns of the outputs, and an array of the
        outputs there, of shape `(rows, columns, channels)`.

    References:
        - [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597), figure 2
    """
    factor, margin = seen or reach(model)
    # A smaller image needs no larger tile.
    sides = [_rounded(min(side, length), factor) for length in image.shape[:2]]
    starts = [
        range(0, length, step)
        for length, step in zip(image.shape[:2], sides, strict=True)
    ]
    for top in starts[0]:
        for left in starts[1]:
            rows, columns = (
                _reflected(np.arange(start - margin, start + step + margin), length)
                for start, step, length in zip(
                    (top, left), sides, image.shape[:2], strict=True
                )
            )
            tile = np.asarray(image[rows][:, columns], "float32")
            outputs = model.predict_on_batch(tile[np.newaxis])[0]
            rows, columns = (
                slice(scale * start, scale * min(start + step, length))
                for start, step, length in zip(
                    (top, left), sides, image.shape[:2], strict=True
                )
            )
            inner = outputs[scale * margin :, scale * margin :]
            size = rows.stop - rows.start, columns.stop - columns.start
            yield rows, columns, inner[: size[0], : size[1]]


def reach(model):
    """Returns how a U-Net divides images, and how far it sees.

    Args:
        model: `keras.Model`, as `kdl.models.unet` returns it.

    Returns:
        Tuple of integers, both of pixels: that by which tiles must be divisible, so
        that they are pooled as the whole image is, and the most by which an output
        is away from an input that it depends on, rounded up to a multiple of the first.
    """
    depths = [layer.depth for layer in model.layers if isinstance(layer, UNetDownBlock)]
    factor = 2 ** len(depths)
    # Convolutions of 3 by 3, on the way down and on the way up; on the lowest level
    # there are as many as on the last above it.
    pixels = sum(2 * depth * 2**level for level, depth in enumerate(depths))
    pixels += depths[-1] * factor if depths else 0
    # What is pooled together, and enlarged again, may be one pixel of a level apart.
    pixels += factor - 1
    return factor, _rounded(pixels, factor)


def _rounded(number, factor):
    """The next multiple of a factor."""
    return math.ceil(number / factor) * factor


def _reflected(places, length):
    """Places along an axis, of which those beyond its ends are reflected there."""
    period = max(1, 2 * (length - 1))
    places = places % period
    return np.minimum(places, period - places) if length > 1 else 0 * places
