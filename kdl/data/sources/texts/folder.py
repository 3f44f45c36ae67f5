"""Folders of texts, one for each class."""

from pathlib import Path

import numpy as np

from kdl.data.sources.class_folders import files_of_classes, parts_of, splits_of
from kdl.data.sources.texts.text_files import read_text

_SUFFIXES = (".txt",)


def read_text_folder(path, seed=0, to_test=False):
    """Returns the texts in a folder that has a folder for each class.

    Those stand in it, or in its folders `train`, `validation` (or `val`, `valid`) and
    `test`. A missing `test`, and then a missing `validation`, is a tenth of each class,
    at least one text. Each file is one text; empty ones are left out.

    Args:
        path: Path of the folder.
        seed: Integer in `[0, 2**32)`. Draws the parts that are missing, and the order
            of all.
        to_test: Boolean. Whether to return the texts of `test`, or all of them where
            there is no such folder, as each part, and to allow a single class and
            classes of few texts. Defaults to `False`.

    Returns:
        `kdl.data.Splits` as of `kdl.data.texts`.

    Raises:
        ValueError: If the folder holds something else, or if a file is not in UTF-8.
        OSError: If a folder or a file cannot be read.
    """
    folders = parts_of(Path(path).expanduser())
    classes, files, labels, part_of = files_of_classes(
        folders, _SUFFIXES, _no_texts, least=1 if to_test else 2
    )
    x = np.array([read_text(file).strip() for file in files])
    there = np.flatnonzero(x != "")
    rows = {part: there[part_of[there] == n] for n, part in enumerate(folders)}
    return splits_of(folders, classes, x, labels, rows, "text", seed, to_test)


def _no_texts(path):
    return ValueError(
        f"{path} must have texts in it, files that end in {', '.join(_SUFFIXES)}. Add "
        "some, or delete the folder."
    )
