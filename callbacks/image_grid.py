"""Images side by side."""

import numpy as np

COLUMNS = 8  # Images in a row.
_EDGE = 96  # Of 255. What is between the images.


def grid(images, white):
    """Returns images side by side, eight in a row, a grey pixel apart.

    Args:
        images: Array of shape `(count, height, width, channels)`. Of channels that are
            not three, the mean is shown.
        white: Float. Value of a white pixel.

    Returns:
        Array of uint8, of shape `(height, width)` or `(height, width, 3)`.
    """
    if images.shape[-1] != 3:
        images = images.mean(-1, keepdims=True)
    pixels = np.rint(255 * np.clip(images / white, 0, 1)).astype("uint8")
    count, *_, channels = pixels.shape
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    pixels = np.pad(pixels, ((0, rows * columns - count), *[(0, 0)] * 3))
    edges = ((0, 0), (0, 1), (0, 1), (0, 0))
    pixels = np.pad(pixels, edges, constant_values=_EDGE)
    _, height, width, _ = pixels.shape
    pixels = pixels.reshape(rows, columns, height, width, channels)
    pixels = pixels.transpose(0, 2, 1, 3, 4)
    pixels = pixels.reshape(rows * height, columns * width, channels)[:-1, :-1]
    return pixels[..., 0] if channels == 1 else pixels
