"""Draws the picture of docs/generative.md: samples of two trainings.

kdl run gan --backend jax --out GAN
kdl run diffusion --backend jax --out DIFFUSION
python docs/figures/generative.py GAN DIFFUSION
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib import image
from matplotlib.figure import Figure

_TITLE = 30  # Pixels above a grid, with its title.
FOLDER = Path(__file__).parent.parent / "images"


def main():
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, folder, title in zip(
        panels, sys.argv[1:], ("gan", "diffusion"), strict=True
    ):
        pixels = image.imread(Path(folder) / "samples.png")
        dark = (pixels[_TITLE:, :, :3] < 0.6).any(axis=2)
        rows, columns = (np.flatnonzero(dark.any(axis=axis)) for axis in (1, 0))
        rows += _TITLE
        panel.imshow(pixels[rows[0] : rows[-1], columns[0] : columns[-1]])
        panel.set_title(title)
        panel.axis("off")
    figure.savefig(FOLDER / "samples.png", dpi=130)


if __name__ == "__main__":
    main()
