"""Grids of images that were made, and how they came about."""

import keras
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from kdl.callbacks.image_grid import grid

_EPOCHS = 6  # Epochs that are shown beside each other.
_ENLARGED = 2  # Of pixels in an animation.


class Grids(keras.callbacks.Callback):
    """Keeps a grid of samples of each epoch that is validated.

    Args:
        make: Function of a model that returns images, an array.
        white: Float. Value of a white pixel.
    """

    def __init__(self, make, white):
        super().__init__()
        self.make, self.white = make, white
        self.epochs, self.grids = [], []

    def on_epoch_end(self, epoch, logs=None):
        if "val_loss" in logs:
            self.epochs.append(epoch + 1)
            self.grids.append(grid(self.make(self.model), self.white))

    def get_state(self):
        return {"epochs": np.array(self.epochs), "grids": np.array(self.grids)}

    def set_state(self, state):
        self.epochs, self.grids = state["epochs"].tolist(), list(state["grids"])

    def figure(self):
        """Draws the grids of a few epochs, the first and the last among them."""
        count = len(self.grids)
        shown = np.unique(np.linspace(0, count - 1, min(count, _EPOCHS)).astype(int))
        columns = min(3, len(shown))
        rows = -(-len(shown) // columns)
        figure = Figure(figsize=(3.2 * columns, 3.5 * rows), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel in panels:
            panel.axis("off")
        for panel, place in zip(panels, shown, strict=False):
            panel.imshow(self.grids[place], "gray", vmin=0, vmax=255)
            panel.set_title(f"epoch {self.epochs[place]}")
        return figure

    def animation(self):
        """Returns the grids as images of one animation."""
        return [picture(pixels, _ENLARGED) for pixels in self.grids]


def picture(pixels, factor=1):
    """Returns pixels as a `PIL.Image.Image`, each `factor` wide and high."""
    return Image.fromarray(
        np.kron(pixels, np.ones((factor,) * 2 + (1,) * (pixels.ndim - 2), "uint8"))
    )


def grid_figure(pixels, title):
    """Draws a grid.

    Args:
        pixels: What `grid` returned.
        title: String.
    """
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(pixels, "gray", vmin=0, vmax=255)
    axes.set_title(title)
    axes.axis("off")
    return figure


def nearest_figure(made, real, rows, white):
    """Draws what was made beside the real images that are nearest to it.

    Args:
        made: Array of images.
        real: Array of images.
        rows: Integer array of shape `(images, neighbours)`. Places of the nearest real
            images.
        white: Float. Value of a white pixel.
    """
    columns = 1 + rows.shape[1]
    figure = Figure(
        figsize=(1.2 * columns, 1.25 * len(made) + 0.6), layout="constrained"
    )
    figure.suptitle("Made, and the nearest training images")
    panels = figure.subplots(len(made), columns, squeeze=False)
    for row, (line, image, places) in enumerate(zip(panels, made, rows, strict=True)):
        for column, (panel, part) in enumerate(
            zip(line, [image, *real[places]], strict=True)
        ):
            pixels = np.clip(part / white, 0, 1)
            panel.imshow(
                pixels[..., 0] if pixels.shape[-1] == 1 else pixels,
                "gray",
                vmin=0,
                vmax=1,
            )
            panel.axis("off")
            if row == 0:
                panel.set_title("made" if column == 0 else f"{column}.", fontsize=9)
    return figure
