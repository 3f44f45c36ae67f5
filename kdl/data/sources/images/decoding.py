"""One image of a file."""

import os

import numpy as np
from PIL import Image, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif")
# How to turn an image upright, by the orientation that a camera notes in its EXIF.
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)
_GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L")
# With what a whole file of a format ends.
_ENDS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}


class DamagedError(ValueError):
    """A file that cannot be read as an image."""

    def __init__(self, path, reason):
        super().__init__(
            f"{path} cannot be read as an image: {reason}. Repair or delete it; the "
            "option ?skip_damaged=true of the source leaves such files out."
        )
        self.path, self.reason = path, reason

    def __reduce__(self):
        return type(self), (self.path, self.reason)


def decode(path, size, channels):
    """Returns the image in a file, upright and resized.

    A JPEG is decoded at no more than the scale that is needed. Other proportions are
    stretched. What is transparent shows white. Of 16 bits, the upper 8 count. Of a
    moving image, it is the first frame.

    Args:
        path: String. Path of a PNG, JPEG, BMP, WebP or GIF.
        size: Tuple of integers, height and width.
        channels: Integer, 1 for grey or 3 for RGB.

    Returns:
        Array of uint8 of shape `(*size, channels)`.

    Raises:
        DamagedError: If the file is no image, or not all of one.
    """
    mode = "L" if channels == 1 else "RGB"
    with _Reading(path) as image:
        orientation = _orientation(image)
        height, width = size[::-1] if orientation in _ON_ITS_SIDE else size
        image.draft(mode, (width, height))
        image = _in_mode(image, mode)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        if orientation in _UPRIGHT:
            image = image.transpose(_UPRIGHT[orientation])
        return np.asarray(image).reshape(*size, channels)


def decode_mask(path):
    """Returns the colours of a mask, upright, as they are stored.

    Args:
        path: String. Path of a PNG, JPEG, BMP, WebP or GIF.

    Returns:
        Array of int64 of shape `(height, width)`. Red, green and blue are 16 bits each,
        the highest first. Of a grey mask, all three are its value.

    Raises:
        DamagedError: If the file is no image, or not all of one.
    """
    with _Reading(path) as image:
        orientation = _orientation(image)
        if orientation in _UPRIGHT:
            image = image.transpose(_UPRIGHT[orientation])
        if image.mode.startswith("I"):
            grey = np.clip(np.asarray(image, "int64"), 0, 65535)
            colours = np.stack([grey] * 3, axis=-1)
        else:
            colours = np.asarray(image.convert("RGB"), "int64")
        return colours @ np.array([1 << 32, 1 << 16, 1])


def decode_whole(path, channels):
    """Returns the image in a file, upright and at its own size, as `decode` does."""
    height, width, _ = examine(path, wholly=False)
    return decode(path, (height, width), channels)


def examine(path, wholly):
    """Returns height and width of the image in a file, upright, and whether it is grey.

    Args:
        path: String.
        wholly: Boolean. Whether to decode it, to find all damage. Otherwise that is
            done where the file does not end as a whole one does.

    Raises:
        DamagedError: If the file is no image, or not all of one.
    """
    with _Reading(path) as image:
        width, height = image.size
        is_grey = image.mode in _GREY
        if _orientation(image) in _ON_ITS_SIDE:
            width, height = height, width
        if wholly or not _ends_well(path, image.format):
            # The smallest scale of a JPEG takes all of its bytes as well.
            image.draft(image.mode, (1, 1))
            image.load()
        return height, width, is_grey


class _Reading:
    """Opens an image, and says of any error in between which file has it."""

    def __init__(self, path):
        self.path, self.image = path, None

    def __enter__(self):
        try:
            self.image = Image.open(self.path, formats=FORMATS)
        except Exception as error:
            raise DamagedError(self.path, _reason(error)) from None
        return self.image

    def __exit__(self, kind, error, traceback):
        self.image.close()
        if isinstance(error, Exception):
            raise DamagedError(self.path, _reason(error)) from None


def _reason(error):
    if isinstance(error, UnidentifiedImageError):
        return "it is no PNG, JPEG, BMP, WebP or GIF"
    if "truncated" in str(error).lower() or isinstance(error, EOFError):
        return "it is truncated"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _orientation(image):
    return image.getexif().get(_ORIENTATION) if "exif" in image.info else None


def _ends_well(path, kind):
    end = _ENDS.get(kind)
    if end is None:
        return False
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - len(end)))
        return file.read() == end


def _in_mode(image, mode):
    """An image as grey or RGB, on white where it is transparent."""
    if image.mode.startswith("I"):
        # Pillow would cut what is above 255 off.
        values = np.clip(np.asarray(image), 0, 65535)
        image = Image.fromarray(np.rint(values / 257).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert(mode)
