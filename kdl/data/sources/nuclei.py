"""Nuclei of cells under a microscope."""

from pathlib import Path

import numpy as np
from PIL import Image

from kdl.checks import check_choice
from kdl.data.splits import Splits

_FOLDER = Path(__file__).parent / "microscopy"
_HALF = 256  # Columns of the half that trains.
_UPPER = 384  # Rows of it that train; those below validate.


def nuclei(size: int = 64) -> Splits:
    """Loads an image of stained nuclei of cells, and where they are, in tiles.

    It is of 512 by 512 pixels, under a fluorescence microscope, from the 2018 Data
    Science Bowl. The right half tests, the lower quarter of the left half validates,
    and the rest of it trains, in tiles that overlap by half.

    Args:
        size: Integer, 32, 64 or 128. Height and width of a tile, in pixels. Defaults to
            `64`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`: tiles, float32 in `[0, 1]`, of shape
        `(tiles, size, size, 1)`, and the class of each pixel, int32 of shape `(tiles,
        size, size)`: 1 for a nucleus, else 0. With `size=64` they are 77, 8 and 32.
        Tiles follow each other row by row.

    Raises:
        ValueError: If `size` is none of these.

    Example:

    >>> (x, y), validation, test = kdl.data.nuclei()

    References:
        - [Caicedo et al., 2019](https://doi.org/10.1038/s41592-019-0612-7)
    """
    check_choice("size", size, (32, 64, 128))
    image, mask = (
        np.asarray(Image.open(_FOLDER / f"{name}.png"))
        for name in ("nuclei", "nuclei_mask")
    )
    x, y = image[..., np.newaxis] / np.float32(255), mask.astype("int32")
    parts = (
        (slice(_UPPER), slice(_HALF), size // 2),
        (slice(_UPPER, None), slice(_HALF), size),
        (slice(None), slice(_HALF, None), size),
    )
    return Splits(
        *(
            tuple(_tiles(whole[rows, columns], size, step) for whole in (x, y))
            for rows, columns, step in parts
        ),
        classes=["background", "nucleus"],
    )


def _tiles(whole, size, step):
    """All tiles of an image, from as many pixels to as many pixels."""
    windows = np.lib.stride_tricks.sliding_window_view(whole, (size, size), (0, 1))
    tiles = np.moveaxis(windows[::step, ::step], (-2, -1), (2, 3))
    return np.ascontiguousarray(tiles.reshape(-1, size, size, *whole.shape[2:]))
