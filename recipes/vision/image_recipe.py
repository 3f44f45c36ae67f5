"""What recipes of images do alike."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kdl.data.on_disk import OnDisk
from kdl.data.sources.images.decoding import SUFFIXES, decode
from kdl.data.sources.images.folder import image_files
from kdl.data.sources.images.image_files import ImageFiles
from kdl.recipes.recipe import Recipe

# Of fewer training images, large batches make too few steps, and the validation loss is
# often far up until the learning rate falls.
_FEW = 1000


class ImageRecipe(Recipe):
    """A recipe whose inputs are images, in arrays or in files."""

    kept: tuple[str, ...] = ("shape", "white")
    reads: tuple[str, ...] = (*SUFFIXES, ".npy", ".npz")

    @functools.cached_property
    def shape(self) -> list[int]:
        """Height, width and channels of the images, a list."""
        return list(np.shape(self.splits.train[0])[1:])

    @functools.cached_property
    def white(self) -> float:
        """The value of a white pixel: 255.0, or 1.0 where none is greater than 1."""
        x = self.splits.train[0]
        return 255.0 if not isinstance(x, OnDisk) and np.max(x) > 1 else 1.0

    @property
    def has_few(self) -> bool:
        """Whether training images are so few that batches are small, and none stops."""
        return len(self.splits.train[0]) < _FEW

    def read(self, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
        """Yields name and pixels of the image in a file, or of each in an array.

        An image is scaled to the size of those that were learned, and made grey or
        coloured as they are. An array must hold images as the source has them.
        """
        if path == "-" or path.suffix.lower() not in SUFFIXES:
            yield from super().read(path)
        else:
            height, width, channels = self.shape
            pixels = decode(str(path), (height, width), channels)
            yield str(path), pixels * np.float32(self.white / 255)

    def inputs(self, raw: Any) -> Any:
        if are_paths(raw):
            return image_files(raw, self.shape)
        if isinstance(raw, ImageFiles):
            return raw.resized(self.shape)
        return raw if isinstance(raw, OnDisk) else np.asarray(raw, "float32")


def with_files(raw, rows):
    """Returns rows, each with the `"file"` of its image, if raw inputs are paths."""
    if not are_paths(raw):
        return rows
    files = image_files(raw, (1, 1, 1)).names()
    return [{"file": file, **row} for file, row in zip(files, rows, strict=True)]


def are_paths(raw):
    """Whether raw inputs are the path of a file or folder, or a list of such."""
    some = [raw] if isinstance(raw, (str, Path)) else raw
    return (
        isinstance(some, (list, tuple))
        and bool(some)
        and all(isinstance(path, (str, Path)) for path in some)
    )
