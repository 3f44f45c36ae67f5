"""Operations on the colours of images: floats in `[0, 1]`, of 1 or 3 channels.

Each is a function `(x, strength, sign) -> x` of an array of shape `(batch, height,
width, channels)`, a float in `[0, 1]` and an array of shape `(batch,)` of -1 and 1, as
Pillow's `ImageEnhance` and `ImageOps` have them, without rounding to 8 bits except
where that is the operation.
"""

import numpy as np

# Of the factors of brightness, contrast, sharpness and color: from 0.1 to 1.9.
_SPREAD = 0.9
_GREY = 0.299, 0.587, 0.114  # Of ITU-R BT.601, as Pillow's mode L.


def identity(x, strength, sign):
    return x


def brightness(x, strength, sign):
    """Black at factor 0."""
    return _enhanced(x, 0, strength, sign)


def contrast(x, strength, sign):
    """Of one grey, the mean, at factor 0."""
    mean = _grey(x).mean((1, 2), keepdims=True)
    return _enhanced(x, mean, strength, sign)


def color(x, strength, sign):
    """Grey at factor 0."""
    return _enhanced(x, _grey(x), strength, sign)


def sharpness(x, strength, sign):
    """Smooth at factor 0, except for the outermost pixels."""
    smooth = x.copy()
    height, width = x.shape[1:3]
    if min(height, width) > 2:
        around = sum(
            x[:, top : height - 2 + top, left : width - 2 + left]
            for top in range(3)
            for left in range(3)
        )
        # The centre counts 5, its neighbours 1 each.
        smooth[:, 1:-1, 1:-1] = (around + 4 * x[:, 1:-1, 1:-1]) / 13
    return _enhanced(x, smooth, strength, sign)


def posterize(x, strength, sign):
    """Keeps the first 8 to 4 bits of 8."""
    dropped = round(4 * strength)
    return _from_bytes(_bytes(x) >> dropped << dropped, x.dtype)


def solarize(x, strength, sign):
    """Inverts pixels from a threshold on: none at strength 0, all at 1."""
    # Bytes have 256 values, the largest of which is 1 here.
    return np.where(x * 255 >= 256 * (1 - strength), 1 - x, x)


def autocontrast(x, strength, sign):
    """Stretches each channel to the whole of `[0, 1]`, unless it is of one value."""
    # NumPy is ten times as quick along an axis whose numbers lie side by side.
    planes = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    planes = planes.reshape(len(x), 1, 1, x.shape[-1], -1)
    low, high = planes.min(-1), planes.max(-1)
    is_flat = low == high
    return np.where(is_flat, x, (x - low) / np.where(is_flat, 1, high - low))


def equalize(x, strength, sign):
    """Makes the histogram of 256 values flat, of each channel by itself."""
    batch, height, width, channels = x.shape
    planes = _bytes(x).transpose(0, 3, 1, 2).reshape(batch * channels, -1)
    rows = np.arange(len(planes))[:, None]
    counts = np.bincount((256 * rows + planes).ravel(), minlength=256 * len(planes))
    counts = counts.reshape(-1, 256)
    # Pillow's integers: the brightest value is left out of the count.
    brightest = np.take_along_axis(counts, planes.max(1, keepdims=True), 1)
    step = (height * width - brightest) // 255
    before = np.cumsum(counts, 1) - counts
    table = np.minimum((step // 2 + before) // np.maximum(step, 1), 255)
    table = np.where(step > 0, table, np.arange(256))
    planes = np.take_along_axis(table, planes, 1).reshape(batch, channels, height, -1)
    return _from_bytes(planes.transpose(0, 2, 3, 1), x.dtype)


def _enhanced(x, plain, strength, sign):
    """From a plain image, at factor 0, past the image itself, at 1."""
    factor = (1 + _SPREAD * strength * sign).astype(x.dtype)[:, None, None, None]
    return np.clip(plain + factor * (x - plain), 0, 1)


def _grey(x):
    if x.shape[-1] == 1:
        return x
    return x @ np.array(_GREY, x.dtype)[:, None]


def _bytes(x):
    return np.rint(x * 255).astype("uint8")


def _from_bytes(values, dtype):
    return (values / 255).astype(dtype)


COLORS = {
    function.__name__: function
    for function in (
        identity,
        brightness,
        contrast,
        sharpness,
        posterize,
        solarize,
        autocontrast,
        equalize,
        color,
    )
}
