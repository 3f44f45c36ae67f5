"""Photographs, small and large."""

from pathlib import Path

import numpy as np
from PIL import Image

from kdl.checks import check_choice, check_integer, check_optional
from kdl.data.sources.images.decoding import decode, examine
from kdl.data.sources.images.folder import image_files
from kdl.data.splits import Splits
from kdl.seeds import SPLITS, generator

FACTORS = 2, 3, 4, 8
_FOLDER = Path(__file__).parent / "photos"
_PARTS = {
    "train": ("chelsea", "grass", "gravel", "hubble", "retina"),
    "validation": ("brick", "rocket"),
    "test": ("astronaut", "camera", "coffee"),
}
# Sides in pixels: of a small patch, of a large picture that is held out, and of one in
# a folder of the user's, whose single pixels are rarely sharp.
_PATCH, _WHOLE, _LARGEST = 24, 384, 1024
_PATCHES = 4000  # Divided by the factor, as many train: 55 MB of patches for 2.


def photographs(
    seed: int = 0,
    factor: int = 2,
    patches: int | None = None,
    channels: int = 3,
) -> Splits:
    """Loads photographs that come with kdl and scikit-learn, each small and large.

    They need no network. Patches of seven photographs train, two whole ones validate
    and three test. The small images are the large ones, scaled down by Pillow's
    bicubic interpolation, which averages, and rounded to 256 shades.

    Args:
        seed: Integer in `[0, 2**32)`. Draws the places of the patches. Defaults to `0`.
        factor: Integer, 2, 3, 4 or 8. How many times larger the large images are.
            Defaults to `2`.
        patches: Optional integer in `[1, inf)`. Number of patches, of 24 x 24 pixels
            when small. Defaults to `None`, for 4,000 divided by the factor.
        channels: Integer, 1 for grey or 3 for RGB. Defaults to `3`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)` of float32 in `[0, 1]`: small images of
        shape `(examples, height, width, channels)`, and large ones of shape `(examples,
        factor * height, factor * width, channels)`.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> (x, y), validation, test = kdl.data.photographs(factor=4, patches=100)
    >>> x.shape, y.shape
    ((100, 24, 24, 3), (100, 96, 96, 3))

    References:
        - [van der Walt et al., 2014](https://doi.org/10.7717/peerj.453), whose package
          the photographs are from
    """
    # Here, since it takes longer to import than all of kdl.
    from sklearn.datasets import load_sample_images

    check_integer("seed", seed, "[0, 4294967296)")
    check_choice("factor", factor, FACTORS)
    check_optional(check_integer, "patches", patches, "[1, inf)")
    check_choice("channels", channels, (1, 3))
    train, validation, test = (
        [_decoded(_FOLDER / f"{name}.jpg", channels, factor) for name in names]
        for names in _PARTS.values()
    )
    mode = "L" if channels == 1 else "RGB"
    for image in load_sample_images().images:
        image = np.asarray(Image.fromarray(image).convert(mode))
        train.append(image.reshape(*image.shape[:2], channels))
    rng = generator(seed, SPLITS)
    return Splits(
        _patches(train, factor, patches, rng),
        _whole(validation, factor),
        _whole(test, factor),
    )


def read_photographs(path, seed=0, factor=2, patches=None, channels=3, to_test=False):
    """Returns the photographs in a folder, and in its folders, each small and large.

    A tenth of them validate and a tenth test, at least one; both are cut to what is in
    the middle of each, of the size of the smallest and at most 384 pixels a side.
    Photographs of more than 1,024 pixels a side are scaled down first.

    Args:
        path: Path of the folder.
        seed: Integer in `[0, 2**32)`. Draws the parts and the patches.
        factor: As of `photographs`.
        patches: Likewise.
        channels: Likewise.
        to_test: Boolean. Whether to return all photographs as each part.

    Returns:
        `kdl.data.Splits` as of `photographs`.

    Raises:
        ValueError: If there are fewer than three photographs, or one is too small or
            damaged.
        OSError: If a folder cannot be read.
    """
    if not Path(path).expanduser().is_dir():
        raise ValueError(f"{path} must be a folder of photographs.")
    names = image_files(path, (1, 1, channels)).paths()
    least = 1 if to_test else 3
    if len(names) < least:
        raise ValueError(
            f"{path} must have three photographs or more, to train, validate and test "
            f"on. Received: {len(names)}"
        )
    images = [_decoded(name, channels, factor) for name in names]
    if to_test:
        part = _whole(images, factor)
        return Splits(part, part, part)
    rng = generator(seed, SPLITS)
    order = rng.permutation(len(images))
    tenth = max(1, round(len(images) / 10))
    validation, test, train = (
        [images[place] for place in places]
        for places in np.split(order, [tenth, 2 * tenth])
    )
    return Splits(
        _patches(train, factor, patches, rng),
        _whole(validation, factor),
        _whole(test, factor),
    )


def smaller(image, factor):
    """Returns an image, uint8 of shape `(height, width, channels)`, scaled down."""
    return _resized(image, [side // factor for side in image.shape[:2]])


def larger(images, factor):
    """Returns floats in `[0, 1]`, images of shape `(..., height, width, channels)`.

    They are scaled up by Pillow's bicubic interpolation.
    """
    pixels = np.rint(255 * np.clip(images, 0, 1)).astype("uint8")
    large = [
        _resized(image, [side * factor for side in image.shape[:2]]) for image in pixels
    ]
    return np.stack(large) / np.float32(255)


def _resized(image, size):
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture = picture.resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(picture).reshape(*size, image.shape[-1])


def _decoded(path, channels, factor):
    """An image of uint8, large enough for a patch, of at most `_LARGEST` a side."""
    height, width, _ = examine(str(path), wholly=False)
    least = _PATCH * factor
    if min(height, width) < least:
        raise ValueError(
            f"{path} must have {least} pixels a side or more, for a factor of "
            f"{factor}. Received: {height} x {width}"
        )
    scale = min(1, _LARGEST / max(height, width))
    size = tuple(max(least, round(scale * side)) for side in (height, width))
    return decode(str(path), size, channels)


def _whole(images, factor):
    """What is in the middle of images, small and large, of one size."""
    size = np.min([image.shape[:2] for image in images], axis=0)
    size = np.minimum(size, _WHOLE) // factor * factor
    large = []
    for image in images:
        top, left = (np.array(image.shape[:2]) - size) // 2
        large.append(image[top : top + size[0], left : left + size[1]])
    small = [smaller(image, factor) for image in large]
    return _scaled(small), _scaled(large)


def _patches(images, factor, count, rng):
    """Patches of images, small and large, from places drawn evenly over all of them."""
    count = _PATCHES // factor if count is None else count
    cut = [_cut(image, factor) for image in images]
    areas = np.array([image.shape[0] * image.shape[1] for image in cut], float)
    of = np.sort(rng.choice(len(cut), count, p=areas / areas.sum()))
    small, large = [], []
    for number, image in enumerate(cut):
        low = smaller(image, factor)
        for _ in range(np.sum(of == number)):
            top, left = (rng.integers(1 + whole - _PATCH) for whole in low.shape[:2])
            small.append(low[top : top + _PATCH, left : left + _PATCH])
            top, left, side = (factor * place for place in (top, left, _PATCH))
            large.append(image[top : top + side, left : left + side])
    order = rng.permutation(count)
    return _scaled(small)[order], _scaled(large)[order]


def _cut(image, factor):
    """An image without what is left over of a multiple of the factor."""
    height, width = (side // factor * factor for side in image.shape[:2])
    return image[:height, :width]


def _scaled(images):
    return np.stack(images) / np.float32(255)
