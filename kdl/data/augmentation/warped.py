"""Affine maps of images."""

import numpy as np

# Images are resampled together as long as they have no more pixels than this: small
# ones share the calls of NumPy, and what is made of large ones stays in the cache.
PIXELS = 1 << 14


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
    framed = np.full((len(x), *(size + 2), x.shape[3]), fill, x.dtype)
    framed[:, 1:-1, 1:-1] = x
    rows, columns = np.arange(size[0])[:, None], np.arange(size[1])
    pick = _nearest if is_nearest else _bilinear
    result = np.empty_like(x)
    together = max(1, PIXELS // (rows.size * columns.size))
    for begin in range(0, len(x), together):
        part = slice(begin, begin + together)
        down, right = (
            inverses[part, axis, 0, None, None] * rows
            + inverses[part, axis, 1, None, None] * columns
            + offsets[part, axis, None, None]
            for axis in (0, 1)
        )
        down = np.clip(down, -1, size[0]) + 1
        right = np.clip(right, -1, size[1]) + 1
        result[part] = pick(framed[part], down, right)
    return result


def _nearest(images, rows, columns):
    which = np.arange(len(images))[:, None, None]
    return images[which, (rows + 0.5).astype(int), (columns + 0.5).astype(int)]


def _bilinear(images, rows, columns):
    count, height, width, channels = images.shape
    top = np.minimum(rows.astype(int), height - 2)
    left = np.minimum(columns.astype(int), width - 2)
    kind = np.result_type(images.dtype, np.float32)
    down = (rows - top)[..., None].astype(kind)
    right = (columns - left)[..., None].astype(kind)
    pixels = images.reshape(-1, channels).astype(kind, copy=False)
    first = (np.arange(count)[:, None, None] * height + top) * width + left
    a, b, c, d = (
        pixels.take(first + step, axis=0) for step in (0, 1, width, width + 1)
    )
    upper, lower = a + right * (b - a), c + right * (d - c)
    blend = upper + down * (lower - upper)
    return blend if images.dtype.kind == "f" else np.rint(blend)
