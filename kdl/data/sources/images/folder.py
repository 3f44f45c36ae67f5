"""Folders of images, one for each class."""

import collections
import concurrent.futures
import contextlib
import os
from pathlib import Path

import numpy as np

from kdl.data.sources.class_folders import (
    files_in,
    files_of_classes,
    parts_of,
    splits_of,
)
from kdl.data.sources.images.decoding import SUFFIXES, DamagedError, examine
from kdl.data.sources.images.image_files import ImageFiles

# The size of images that differ in it, unless most of them are smaller.
_DEFAULT_SIDE = 128
# So many files are opened, evenly spaced, to learn the sizes of all.
_EXAMINED = 1000
_THREADS = 4


def read_folder(
    path, seed=0, size=None, channels=None, skip_damaged=False, to_test=False
):
    """Returns the images in a folder that has a folder for each class.

    Those stand in it, or in its folders `train`, `validation` (or `val`, `valid`) and
    `test`. Each may have folders itself, whose images are of its class. A missing
    `test`, and then a missing `validation`, is a tenth of each class, at least one
    image. The classes have the names of their folders, in order of code points. Without
    folders of classes, all images are of one class, `"all"`. Files of other kinds, and
    what begins with a dot, are left out.

    Only the names are read, and the headers of at most 1,000 files.

    Args:
        path: Path of the folder.
        seed: Integer in `[0, 2**32)`. Draws the parts that are missing, and the order
            of all.
        size: Optional tuple of integers, height and width that images are resized to.
            Defaults to the size of those whose headers were read, if it is the same,
            and otherwise to their median height and width, each at most 128.
        channels: Optional integer, 1 for grey or 3 for RGB. Defaults to 1 if those
            whose headers were read are all grey.
        skip_damaged: Boolean. Whether to leave out files that cannot be read, for
            which all are decoded once. Defaults to `False`.
        to_test: Boolean. Whether to return the images of `test`, or all of them where
            there is no such folder, as each part, and to allow classes of few images.
            Defaults to `False`.

    Returns:
        `kdl.data.Splits` of tuples `(x, y)`: images on disk, which are read as float32
        in `[0, 1]` of shape `(examples, height, width, channels)`, and labels, int32.

    Raises:
        ValueError: If the folder holds something else, or a damaged file was found.
        OSError: If a folder cannot be read.
    """
    root = Path(path).expanduser()
    folders = parts_of(root)
    classes, files, labels, part_of = files_of_classes(folders, SUFFIXES, no_images)
    names = [os.path.relpath(file, root) for file in files]
    skipped, seen = _examined(root, names, skip_damaged)
    kept = np.setdiff1d(np.arange(len(names)), list(skipped))
    shape = shape_of(seen, size, channels)
    files = ImageFiles(str(root), names, shape)
    files.facts = facts_of(files, seen, skipped.values())
    rows = {part: kept[part_of[kept] == n] for n, part in enumerate(folders)}
    return splits_of(folders, classes, files, labels, rows, "image", seed, to_test)


def image_files(paths, shape):
    """Returns images in files, or in folders and what is in them, still on disk.

    Args:
        paths: String or `Path` of a file or folder, or a list of such.
        shape: Tuple of integers, height, width and channels that they are to have.

    Returns:
        `ImageFiles`, those of a folder in order of their names.

    Raises:
        ValueError: If a folder holds no images.
        OSError: If a folder cannot be read.
    """
    found = []
    for path in [paths] if isinstance(paths, (str, Path)) else paths:
        path = Path(path).expanduser()
        files = files_in(path, SUFFIXES) if path.is_dir() else [str(path)]
        if not files:
            raise no_images(path)
        found += files
    return ImageFiles("", found, shape)


def no_images(path):
    """Returns what to raise for a folder that should have images in it."""
    kinds = ", ".join(SUFFIXES)
    return ValueError(
        f"{path} must have images in it, files that end in {kinds}. Add some, or "
        "delete the folder."
    )


def _examined(root, names, skip_damaged):
    """Opens some of the files, or all if damaged ones are left out.

    Returns:
        Tuple of a dict of `DamagedError`s, by number of the file, and of a list of what
        `examine` returned of the others.
    """
    numbers = range(len(names))
    if not skip_damaged and len(names) > _EXAMINED:
        numbers = np.linspace(0, len(names) - 1, _EXAMINED).astype(int)

    def look(number):
        try:
            return examine(os.path.join(root, names[number]), wholly=skip_damaged)
        except DamagedError as error:
            if not skip_damaged:
                raise
            return error

    with contextlib.ExitStack() as stack:
        each = map
        if skip_damaged:
            pool = concurrent.futures.ThreadPoolExecutor(_THREADS)
            each = stack.enter_context(pool).map
        results = dict(zip(numbers, each(look, numbers), strict=True))
    damaged = {n: r for n, r in results.items() if isinstance(r, DamagedError)}
    return damaged, [r for n, r in results.items() if n not in damaged]


def shape_of(seen, size, channels):
    """Returns height, width and channels that images are to have.

    Args:
        seen: List of what `examine` returned of some of them.
        size: As of `read_folder`.
        channels: Likewise.
    """
    if size is None:
        sizes = np.array([found[:2] for found in seen] or [(_DEFAULT_SIDE,) * 2])
        size = sizes[0]
        if (sizes != size).any():
            size = np.minimum(np.median(sizes, axis=0).astype(int), _DEFAULT_SIDE)
    if channels is None:
        channels = 1 if seen and all(is_grey for *_, is_grey in seen) else 3
    return (*map(int, size), channels)


def facts_of(files, seen, damaged):
    """Returns the facts of `ImageFiles`, a dict of JSON.

    Args:
        files: `ImageFiles`, all of them.
        seen: List of what `examine` returned of some of them.
        damaged: Collection of the `DamagedError`s of others.
    """
    return {
        "folder": files.folder,
        "files": len(files),
        "examined": len(seen) + len(damaged),
        "sizes": _counted(f"{height}x{width}" for height, width, _ in seen),
        "channels": _counted("1" if is_grey else "3" for *_, is_grey in seen),
        "damaged": {error.path: error.reason for error in damaged},
    }


def _counted(values):
    """How often each value occurs, a dict, the most frequent first."""
    return dict(collections.Counter(values).most_common())
