"""Grids of images that were made, and how they came about."""

import keras
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

COLUMNS = 8  # Images in a row of a grid.
_EDGE = 96  # Of 255. What is between the images.
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


def grid(images, white):
    """Returns images side by side, eight in a row, a grey pixel apart.

    Args:
        images: Array of shape `(count, height, width, channels)`. Of channels that are
            not three, the mean is shown.
        white: Float. Value of a white pixel.

    Returns:
        Array of uint8, of shape `(height, width)` or `(height, width, 3)`.
    """
    if images.shape[-1] != 3:
        images = images.mean(-1, keepdims=True)
    pixels = np.rint(255 * np.clip(images / white, 0, 1)).astype("uint8")
    count, *_, channels = pixels.shape
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    pixels = np.pad(pixels, ((0, rows * columns - count), *[(0, 0)] * 3))
    edges = ((0, 0), (0, 1), (0, 1), (0, 0))
    pixels = np.pad(pixels, edges, constant_values=_EDGE)
    _, height, width, _ = pixels.shape
    pixels = pixels.reshape(rows, columns, height, width, channels)
    pixels = pixels.transpose(0, 2, 1, 3, 4)
    pixels = pixels.reshape(rows * height, columns * width, channels)[:-1, :-1]
    return pixels[..., 0] if channels == 1 else pixels


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


def nearest_rows(real, made, count=5):
    """Returns the places of the real images nearest to those that were made.

    Args:
        real: Array of images.
        made: Array of images.
        count: Integer. How many of each, if there are so many. Defaults to `5`.

    Returns:
        Integer array of shape `(images, count)`, the nearest first, by the squared
        differences of pixels.
    """
    # It takes longer to import than all of kdl.
    from sklearn.neighbors import NearestNeighbors

    flat = (part.reshape(len(part), -1) for part in (real, made))
    search = NearestNeighbors(n_neighbors=min(count, len(real)), algorithm="brute")
    return search.fit(next(flat)).kneighbors(next(flat), return_distance=False)


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
