"""Images from files."""

import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif")


def read_image(path, shape):
    """Returns the image in a file, scaled to a size.

    Args:
        path: `Path`.
        shape: Tuple `(height, width, channels)`, of 1 or 3 channels.

    Returns:
        Array of this shape, float32, of values in `[0, 1]`.

    Raises:
        ValueError: If the file is no image.
    """
    # Only those who read images need to wait for it.
    from PIL import Image, ImageOps

    height, width, channels = shape
    try:
        with Image.open(path) as image:
            # Decodes a JPEG at about the size that is needed.
            image.draft(None, (width, height))
            image = ImageOps.exif_transpose(image)
            # Of 16 bits, Pillow would cut what is above 255.
            if image.mode.startswith("I"):
                image = image.point(lambda value: value / 256).convert("L")
            if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            image = image.convert("L" if channels == 1 else "RGB")
            if image.size != (width, height):
                image = image.resize((width, height), Image.Resampling.BILINEAR)
            pixels = np.asarray(image, "float32") / 255
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} is no image that can be read: {error}") from None
    return pixels.reshape(height, width, -1)
