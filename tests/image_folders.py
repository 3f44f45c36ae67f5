"""Folders of small images."""

import numpy as np
from PIL import Image


def make_folder(folder, counts, size=(6, 5), suffix=".png"):
    """Writes images of noise, each other than all others.

    Args:
        folder: `Path`.
        counts: Dict of integers. How many images to write, by path in the folder.
        size: Tuple of integers, height and width.
        suffix: String. What the names end in.

    Returns:
        The folder.
    """
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for n in range(count):
            pixels = rng.integers(0, 256, (*size, 3)).astype("uint8")
            Image.fromarray(pixels).save(folder / name / f"{n}{suffix}")
    return folder


def truncate(path):
    """Cuts a file in the middle."""
    contents = path.read_bytes()
    path.write_bytes(contents[: len(contents) // 2])
    return path
