"""Attributions as pictures."""

import numpy as np
from numpy.typing import ArrayLike

from kdl.checks import check_integer, check_number
from kdl.typing import Image

_BRIGHT = 99.0  # Percentile of the sizes that is drawn in the full colour.


def overlay(
    image: ArrayLike, attribution: ArrayLike, opacity: float = 0.8, pixels: int = 256
) -> Image:
    """Returns an image with its attribution over it, in colour.

    The image is grey. The larger the attribution of a place, the less of the image is
    seen through the colour, which is:

    - red where it speaks for the score and blue where it speaks against it, of
      attributions that have both signs;
    - from black over red to yellow, of attributions that have no negative numbers, such
      as those of saliency and Grad-CAM.

    The full colour is that of the 99th percentile of the sizes. Nothing is coloured
    where all is 0.

    Args:
        image: Array of shape `(height, width, channels)` or `(height, width)`, of one
            or three channels. From 0 to 1, or to 255 if a number is greater than 1;
            what is beyond is cut off.
        attribution: Array of shape `(height, width)`, or with channels, which are
            summed.
        opacity: Float in `[0, 1]`. Share of the full colour where it is strongest.
            Defaults to `0.8`.
        pixels: Integer in `[1, inf)`. A smaller image is enlarged by a whole number,
            without smoothing, for its longer side to have so many pixels about.
            Defaults to `256`.

    Returns:
        `PIL.Image.Image`, RGB.

    Raises:
        ValueError: If an argument is outside its interval, or if shapes do not fit.

    Example:

    >>> attributions = kdl.attribution.saliency(model, x[:1])
    >>> picture = kdl.attribution.overlay(x[0], attributions[0])
    >>> picture.size
    (256, 256)
    """
    from matplotlib import colormaps
    from PIL import Image

    opacity = check_number("opacity", opacity, "[0, 1]")
    pixels = check_integer("pixels", pixels, "[1, inf)")
    grey = _grey(image)
    sizes = _places(attribution, grey.shape)
    has_signs = (sizes < 0).any()
    most = np.percentile(np.abs(sizes), _BRIGHT) or np.abs(sizes).max() or 1.0
    scaled = np.clip(sizes / most, -1, 1)
    if has_signs:
        # The ends of the map are almost black: colour of one strength, and opacity.
        colors = colormaps["RdBu_r"](np.where(scaled > 0, 0.87, 0.13))[..., :3]
    else:
        colors = colormaps["inferno"](scaled)[..., :3]
    share = opacity * np.abs(scaled)[..., None]
    mixed = (1 - share) * grey[..., None] + share * colors
    picture = Image.fromarray(np.round(255 * mixed).astype("uint8"))
    times = max(1, pixels // max(grey.shape))
    size = tuple(times * side for side in picture.size)
    return picture.resize(size, Image.Resampling.NEAREST)


def _grey(image):
    """An image as greys from 0 to 1."""
    pixels = np.asarray(image, "float64")
    shape = pixels.shape
    if len(shape) == 3:
        pixels = pixels.mean(axis=-1)
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[-1] not in (1, 3)):
        raise ValueError(
            "`image` must be of shape (height, width), or (height, width, channels) of "
            f"one or three channels. Received: shape={shape}"
        )
    white = 255 if pixels.max(initial=0) > 1 else 1
    return np.clip(pixels / white, 0, 1)


def _places(attribution, shape):
    attribution = np.asarray(attribution, "float64")
    places = attribution.sum(axis=-1) if attribution.ndim == 3 else attribution
    if places.shape != shape or not np.isfinite(places).all():
        raise ValueError(
            f"`attribution` must be finite numbers of shape {shape}, that of the image,"
            f" maybe with channels. Received: shape={attribution.shape}"
        )
    return places
