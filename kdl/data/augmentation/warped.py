"""Affine maps of images."""

import numpy as np


def warped(x, matrices, shifts, fill=0, is_nearest=False):
    """Images under affine maps about their centres, one each.

    One look-up of a pixel fetches all of its channels, which makes this several times
    as fast as `scipy.ndimage.map_coordinates`.

    Args:
        x: Array of shape `(batch, height, width, channels)`.
        matrices: Array of shape `(batch, 2, 2)`, of rows and columns.
        shifts: Array of shape `(batch, 2)`, in pixels.
        fill: Number. What is outside the images.
        is_nearest: Boolean. Whether to take the nearest pixel instead of a bilinear
            interpolation.

    Returns:
        Array of the shape and dtype of `x`.
    """
    size = np.array(x.shape[1:3])
    centre = (size - 1) / 2
    # Where each pixel of the result comes from: the inverse of the map.
    inverses = np.linalg.inv(matrices)
    offsets = centre - np.einsum("nij,nj->ni", inverses, centre + shifts)
    # A frame of one pixel, of which all that lies outside is made.
    framed = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=fill)
    grid = [np.arange(length, dtype=float) for length in size]
    result = np.empty_like(x)
    for i, (matrix, offset) in enumerate(zip(inverses, offsets, strict=True)):
        rows, columns = (
            np.clip(by_row * grid[0][:, None] + by_column * grid[1] + start, -1, end)
            + 1
            for (by_row, by_column), start, end in zip(
                matrix, offset, size, strict=True
            )
        )
        pick = _nearest if is_nearest else _bilinear
        result[i] = pick(framed[i], rows, columns)
    return result


def _nearest(image, rows, columns):
    return image[(rows + 0.5).astype(int), (columns + 0.5).astype(int)]


def _bilinear(image, rows, columns):
    height, width, channels = image.shape
    top = np.minimum(rows.astype(int), height - 2)
    left = np.minimum(columns.astype(int), width - 2)
    kind = np.result_type(image.dtype, np.float32)
    down = (rows - top)[..., None].astype(kind)
    right = (columns - left)[..., None].astype(kind)
    pixels = image.reshape(-1, channels).astype(kind, copy=False)
    first = top * width + left
    a, b, c, d = (
        pixels.take(first + step, axis=0) for step in (0, 1, width, width + 1)
    )
    upper, lower = a + right * (b - a), c + right * (d - c)
    blend = upper + down * (lower - upper)
    return blend if image.dtype.kind == "f" else np.rint(blend)
