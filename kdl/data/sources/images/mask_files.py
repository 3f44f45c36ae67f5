"""Masks that stay in their files."""

import copy
import os

import numpy as np

from kdl.data.sources.images.decoding import decode_mask
from kdl.data.sources.images.image_files import ImageFiles


class MaskFiles(ImageFiles):
    """Masks in files, decoded when they are asked for: the class of each pixel.

    Args:
        folder: String. Path of the folder that the names begin in.
        names: List of strings. Paths in it.
        size: Tuple of integers, height and width. A mask of another size takes the
            nearest pixel.
        colours: Array of int64 of shape `(classes,)`, in rising order. Of each class,
            the colour that `decode_mask` returns.
    """

    dtype = np.dtype("int32")

    def __init__(self, folder, names, size, colours):
        super().__init__(folder, names, size)
        self._what = f"The masks in {folder}"
        self._colours = colours
        self._labels = np.arange(len(colours), dtype="int32")

    def relabelled(self, labels):
        """Returns the same masks, to be read with other labels.

        Args:
            labels: Integer array of shape `(classes,)`. The new label of each.
        """
        masks = copy.copy(self)
        masks._labels = np.asarray(labels, "int32")[self._labels]
        return masks

    def _read(self, rows):
        masks = np.empty((len(rows), *self._item_shape), "int32")
        for place, name in enumerate(self._names(rows)):
            path = os.path.join(self.folder, name)
            colours = _nearest(decode_mask(path), self._item_shape)
            found = np.searchsorted(self._colours, colours)
            found = np.minimum(found, len(self._colours) - 1)
            if (self._colours[found] != colours).any():
                raise ValueError(
                    f"{path} has changed since the data were loaded: it has colours "
                    "that are no class."
                )
            masks[place] = self._labels[found]
        return masks


def _nearest(mask, size):
    """A mask resized: the pixel that is nearest to the centre of each new one."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip(size, mask.shape, strict=True)
    )
    return mask[rows[:, np.newaxis], columns]
