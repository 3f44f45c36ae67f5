"""Clothes on photographs, with a class for each pixel."""

import numpy as np
from scipy import ndimage

from kdl.checks import check_integer
from kdl.data.sources.fashion import fashion
from kdl.data.splits import Splits
from kdl.seeds import SPLITS, generator

# Of the width of each photograph, what each part has.
_STRIPS = (0.0, 0.6, 0.8, 1.0)
_ZOOMS = (0.8, 1.3)
_MOST_ZOOM_OF_PHOTO = 2
# Brightness of the fringe of the clothes, which belongs to their black ground.
_DARK = 0.1


def scenes(seed: int = 0, size: int = 48) -> Splits:
    """Loads 6,000 pictures of clothes, each laid on a photograph, with its mask.

    Each picture of `kdl.data.fashion` becomes one scene: larger or smaller, anywhere on
    a grey patch of one of the two photographs that come with scikit-learn. Each part
    has strips of these of its own. The mask is what is not nearly black in the picture,
    holes filled, and so exact.

    Args:
        seed: Integer in `[0, 2**32)`. Draws places, sizes and patches. Defaults to `0`.
        size: Integer in `[40, 80]`. Height and width of a scene, in pixels. Defaults to
            `48`.

    Returns:
        `kdl.data.Splits` of 4,000, 1,000 and 1,000 tuples `(x, y)`: scenes, float32 in
        `[0, 1]`, of shape `(examples, size, size, 1)`, and the class of each pixel,
        int32 of shape `(examples, size, size)`: 0 where the photograph is seen, else
        one more than the label of `fashion`. `classes` has the eleven names.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> (x, y), validation, test = kdl.data.scenes()

    References:
        - [Xiao et al., 2017](https://arxiv.org/abs/1708.07747), the clothes
    """
    check_integer("seed", seed, "[0, 4294967296)")
    check_integer("size", size, "[40, 80]")
    clothes, photographs = fashion(), _photographs()
    parts = []
    for place, (x, y) in enumerate(clothes):
        rng = generator(seed, SPLITS, place)
        strips = [
            photo[:, slice(*(int(photo.shape[1] * s) for s in _STRIPS[place:][:2]))]
            for photo in photographs
        ]
        made = [_scene(image[..., 0], strips, size, rng) for image in x]
        images, masks = map(np.stack, zip(*made, strict=True))
        labels = 1 + y[:, np.newaxis, np.newaxis]
        parts.append((images[..., np.newaxis], (masks * labels).astype("int32")))
    return Splits(*parts, classes=["background", *clothes.classes])


def _photographs():
    """Grey photographs, float32 arrays of two dimensions in `[0, 1]`."""
    # Here, since it takes longer to import than all of kdl.
    from sklearn.datasets import load_sample_images

    weights = np.array([0.299, 0.587, 0.114], "float32") / 255
    return [image @ weights for image in load_sample_images().images]


def _scene(item, strips, size, rng):
    """An image on a patch of a photograph, and where it is."""
    strip = strips[rng.integers(len(strips))]
    side = size * rng.integers(1, 1 + _MOST_ZOOM_OF_PHOTO)
    side = min(side, *strip.shape)
    top, left = (rng.integers(1 + whole - side) for whole in strip.shape)
    patch = strip[top : top + side, left : left + side]
    scene = ndimage.zoom(patch, size / side, order=1).astype("float32")
    item = ndimage.zoom(item, rng.uniform(*_ZOOMS), order=1)
    mask = ndimage.binary_fill_holes(item > _DARK)
    top, left = (rng.integers(1 + size - side) for side in item.shape)
    place = slice(top, top + item.shape[0]), slice(left, left + item.shape[1])
    scene[place] = np.where(mask, item, scene[place])
    whole = np.zeros((size, size), bool)
    whole[place] = mask
    return scene, whole
