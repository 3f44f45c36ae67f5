"""Images that stay in their files."""

import os

import numpy as np
from PIL import Image

from kdl.data.on_disk import OnDisk
from kdl.data.sources.images.decoding import decode


class ImageFiles(OnDisk):
    """Images in files, decoded when they are asked for: floats in `[0, 1]`.

    Args:
        folder: String. Path of the folder that the names begin in.
        names: List of strings. Paths in it.
        shape: Tuple of integers, height, width and channels.
    """

    def __init__(self, folder, names, shape):
        super().__init__(len(names), shape, f"The images in {folder}")
        self.folder, self._files = folder, names

    def paths(self):
        """Returns the path of each file, a list of strings."""
        return [os.path.join(self.folder, name) for name in self.names()]

    def resized(self, shape):
        """Returns the same images, to be read with another height, width, channels."""
        images = self.take(slice(None))
        images._item_shape = tuple(shape)
        return images

    def _read(self, rows):
        height, width, channels = self._item_shape
        pixels = np.empty((len(rows), height, width, channels), "uint8")
        for place, name in enumerate(self._names(rows)):
            path = os.path.join(self.folder, name)
            pixels[place] = decode(path, (height, width), channels)
        return pixels / np.float32(255)

    def _names(self, rows):
        return [self._files[row] for row in rows]

    def _details(self, rows):
        """Width and height in pixels and size in bytes, as the files have them."""
        found = []
        for name in self._names(rows):
            path = os.path.join(self.folder, name)
            with Image.open(path) as image:  # It reads no more than the header.
                found.append((*image.size, os.stat(path).st_size))
        titles = "width of the file", "height of the file", "bytes of the file"
        return dict(zip(titles, np.array(found).reshape(-1, 3).T, strict=True))
