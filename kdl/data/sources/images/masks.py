"""Folders of images and their masks."""

import concurrent.futures
import os
from pathlib import Path

import numpy as np

from kdl.data.sources.class_folders import files_in, parts_of
from kdl.data.sources.images.decoding import (
    SUFFIXES,
    DamagedError,
    decode_mask,
    examine,
)
from kdl.data.sources.images.folder import facts_of, no_images, shape_of
from kdl.data.sources.images.image_files import ImageFiles
from kdl.data.sources.images.mask_files import MaskFiles
from kdl.data.splits import Splits, all_parts, listed

_MOST_CLASSES = 256
_LOSSY = (".jpg", ".jpeg")
_THREADS = 4
_NAMES = "classes.txt"
_WHITE = 255
# Of the 16 bits of red, of green and of blue in a colour of `decode_mask`.
_SHIFTS = np.array([32, 16, 0])


def read_masks(
    path, seed=0, size=None, channels=None, skip_damaged=False, to_test=False
):
    """Returns the images in a folder `images`, with the masks in a folder `masks`.

    A mask has the name of its image, with whatever ending, such as `images/a/1.jpg` and
    `masks/a/1.png`. The two folders stand in the folder that is given, or in each of
    its folders `train`, `validation` (or `val`, `valid`) and `test`. A missing `test`,
    and then a missing `validation`, is a tenth of the images, at least one.

    What a mask shows is one of

    - 0 and 255: the classes `background` and `foreground`;
    - grey values: each is a class, named by its number. With a file `classes.txt`, the
      values are the numbers of its lines, from 0, and each line is a name;
    - colours, of a palette or RGB: each is a class, named by its hex code, such as
      `#ff8000`, in order of these; `classes.txt` names them in this order.

    All masks are decoded once, and the headers of all images read, to find the classes
    and what does not fit. Images and masks then stay on disk.

    Args:
        path: Path of the folder.
        seed: Integer in `[0, 2**32)`. Draws the parts that are missing, and the order
            of all.
        size: Optional tuple of integers, height and width that images and masks are
            resized to; masks take the nearest pixel. Defaults to the size of the
            images, if it is the same, and otherwise to their median height and width,
            each at most 128.
        channels: Optional integer, 1 for grey or 3 for RGB. Defaults to 1 if all images
            are grey.
        skip_damaged: Boolean. Whether to leave out images that cannot be read, or whose
            mask cannot, for which all are decoded once. Defaults to `False`.
        to_test: Boolean. Whether to return the images of `test`, or all of them where
            there is no such folder, as each part, and to allow a single class. Defaults
            to `False`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`, on disk: images, which are read as float32
        in `[0, 1]` of shape `(examples, height, width, channels)`, and masks, int32 of
        shape `(examples, height, width)`.

    Raises:
        ValueError: If images and masks do not match, if masks do not show classes, or
            if a file is damaged.
        OSError: If a folder cannot be read.
    """
    root = Path(path).expanduser()
    folders = parts_of(root)
    pairs = {part: _pairs(folder) for part, folder in folders.items()}
    every = [pair for some in pairs.values() for pair in some]
    looks = _looked_at(every, skip_damaged)
    damaged = {n: look for n, look in enumerate(looks) if isinstance(look, Exception)}
    seen = [look[0] for look in looks if not isinstance(look, Exception)]
    values = {
        mask: look[1]
        for (_, mask), look in zip(every, looks, strict=True)
        if not isinstance(look, Exception)
    }
    colours, classes = _classes(root, values)
    if len(classes) < 2 and not to_test:
        raise ValueError(
            f"The masks in {root} must show two classes at least. Received: "
            f"{', '.join(map(repr, classes)) or 'none'}"
        )
    height, width, channels = shape_of(seen, size, channels)
    relative = [
        [os.path.relpath(pair[place], root) for pair in every] for place in range(2)
    ]
    images = ImageFiles(str(root), relative[0], (height, width, channels))
    masks = MaskFiles(str(root), relative[1], (height, width), colours)
    images.facts = facts_of(images, seen, damaged.values())
    ends = np.cumsum([len(some) for some in pairs.values()])
    part_of = np.searchsorted(ends, np.arange(len(every)), side="right")
    kept = np.setdiff1d(np.arange(len(every)), list(damaged)).astype(int)
    rows = {part: kept[part_of[kept] == n] for n, part in enumerate(pairs)}
    if to_test:
        chosen = rows.get("test", kept)
        part = images.take(chosen), masks.take(chosen)
        return Splits(part, part, part, classes)
    _check_counts(folders, rows)
    rows, missing = all_parts(rows, np.zeros(len(every)), seed)
    parts = (
        (images.take(rows[part]), masks.take(rows[part]))
        for part in ("train", "validation", "test")
    )
    return Splits(*parts, classes=classes, drawn="test" in missing)


def _pairs(folder):
    """Paths of each image in a folder and of its mask, in order of their names."""
    if not all((folder / name).is_dir() for name in ("images", "masks")):
        raise ValueError(
            f"{folder} must have the folders 'images' and 'masks', with a mask of the "
            "same name for each image."
        )
    images, masks = (_by_name(folder / name) for name in ("images", "masks"))
    for name, path in images.items():
        if name not in masks:
            raise ValueError(
                f"{path} must have a mask: {folder / 'masks' / name} with an ending "
                "such as .png. Add it, or delete the image."
            )
    for name, path in masks.items():
        if name not in images:
            raise ValueError(
                f"{path} must have an image: {folder / 'images' / name} with an ending "
                "such as .png. Add it, or delete the mask."
            )
        if path.lower().endswith(_LOSSY):
            raise ValueError(
                f"{path} must be a file without loss, such as PNG: JPEG changes "
                "colours, which are classes."
            )
    return [(images[name], masks[name]) for name in sorted(images)]


def _by_name(folder):
    """Paths of the images in a folder, by their names in it without the ending."""
    found = {}
    for path in files_in(folder, SUFFIXES):
        name = os.path.splitext(os.path.relpath(path, folder))[0]
        if name in found:
            raise ValueError(
                f"{folder} must have one file of each name. Received: {found[name]} "
                f"and {path}"
            )
        found[name] = path
    if not found and folder.name == "images":
        raise no_images(folder)
    return found


def _looked_at(pairs, skip_damaged):
    """Of each image what `examine` returns, and its mask's colours, or an error."""

    def look(pair):
        image, mask = pair
        try:
            found = examine(image, wholly=skip_damaged)
            colours = decode_mask(mask)
        except DamagedError as error:
            if not skip_damaged:
                raise
            return error
        if colours.shape != found[:2]:
            sizes = ["{} x {}".format(*size) for size in (found[:2], colours.shape)]
            raise ValueError(
                f"{mask} must have the size of its image, {sizes[0]} pixels (height "
                f"and width). Received: {sizes[1]}"
            )
        colours = np.unique(colours)
        _check_count(mask, colours)
        return found, colours

    with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(look, pairs))


def _classes(root, values):
    """The colour of each class, in rising order, and the names of the classes.

    Args:
        root: `Path` of the folder.
        values: Dict of arrays. The colours of each mask, by its path.
    """
    every = np.unique(np.concatenate([[], *values.values()])).astype("int64")
    _check_count(f"The masks in {root}", every)
    names = _names(root / _NAMES)
    parts = every[:, np.newaxis] >> _SHIFTS & 0xFFFF
    greys = parts[:, 0]
    if (parts != greys[:, np.newaxis]).any():
        codes = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in parts.tolist()]
        if names is not None and len(names) != len(codes):
            raise ValueError(
                f"{root / _NAMES} must have {len(codes)} lines, a name for each colour "
                f"of the masks: {', '.join(codes)}. Received: {len(names)} lines"
            )
        return every, codes if names is None else names
    if set(greys) <= {0, _WHITE} and (_WHITE in greys or names is None):
        defaults = {0: "background", _WHITE: "foreground"}
        if names is None:
            return every, [defaults[grey] for grey in greys.tolist()]
        if len(names) == 2:
            return _grey(np.array([0, _WHITE])), names
    if names is None:
        return every, [str(grey) for grey in greys.tolist()]
    if greys.size and greys.max() >= len(names):
        beyond = _grey(greys.max())
        mask = next(path for path, colours in values.items() if beyond in colours)
        raise ValueError(
            f"{mask} must have classes from 0 to {len(names) - 1}, as {root / _NAMES} "
            f"names. Received: {greys.max()}"
        )
    return _grey(np.arange(len(names))), names


def _check_count(what, colours):
    """Refuses masks of more colours than there may be classes."""
    if len(colours) > _MOST_CLASSES:
        raise ValueError(
            f"{what} must have at most {_MOST_CLASSES} colours, one for each class. "
            f"Received: {len(colours)}. Save masks without loss, as PNG, and number "
            "classes, not objects."
        )


def _grey(values):
    """Grey values as colours of `decode_mask`."""
    return np.asarray(values, "int64") * (1 << _SHIFTS).sum()


def _names(path):
    """The names of the classes in a file, a line each; `None` if there is none."""
    if not path.exists():
        return None
    try:
        names = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        raise ValueError(f"{path} must be a text in UTF-8.") from None
    while names and not names[-1]:
        names.pop()
    if not names or not all(names) or len(set(names)) < len(names):
        raise ValueError(
            f"{path} must have a name of its own for each class, one a line. Received: "
            f"{', '.join(map(repr, names)) or 'no names'}"
        )
    return names


def _check_counts(folders, rows):
    """Refuses too few images to be in each part."""
    missing = [part for part in ("test", "validation") if part not in rows]
    for part, some in rows.items():
        needed = 1 + len(missing) if part == "train" else 1
        if len(some) < needed:
            raise ValueError(
                f"{folders[part] / 'images'} must have {needed} image"
                f"{'s' if needed > 1 else ''} or more that can be read"
                f"{', one each for ' + listed(missing) if needed > 1 else ''}. "
                f"Received: {len(some)}"
            )
