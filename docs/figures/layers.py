"""Draws the pictures of docs/layers.md.

KERAS_BACKEND=jax python docs/figures/layers.py
"""

from pathlib import Path

import keras
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from kdl import layers

FOLDER = Path(__file__).parent.parent / "images"
TWO = ListedColormap(["#20425e", "#dfe7ee"])


def main():
    drop_block()
    fractional_max_pooling()
    spatial_pyramid_pooling()
    unpooling()
    positional_encoding()


def drop_block():
    """What is left of a map of ones, at the same rate."""
    ones = np.ones((1, 32, 32, 1))
    masks = {
        "Dropout(0.2)": layers.Dropout(0.2, seed=0),
        "DropBlock2D(0.2, block_size=5)": layers.DropBlock2D(0.2, 5, seed=0),
        "DropBlock2D(0.2, block_size=9)": layers.DropBlock2D(0.2, 9, seed=0),
    }
    figure, axes = panels(len(masks))
    for axis, (name, layer) in zip(axes, masks.items(), strict=True):
        kept = array(layer(ones, training=True))[0, :, :, 0] > 0
        axis.imshow(kept, cmap=TWO, vmin=0, vmax=1)
        axis.set_title(f"{name}\n{np.mean(~kept):.0%} dropped", fontsize=9)
    save(figure, "drop_block")


def fractional_max_pooling():
    """The regions of two calls, of an image of 25 by 25 pixels."""
    size, ratio = 25, 2**0.5
    figure, axes = panels(4)
    # The largest row and column of a region are its last ones.
    rows = np.broadcast_to(np.arange(size)[:, None], (size, size))
    places = np.stack([rows, rows.T], axis=-1)[None].astype("float32")
    kinds = [("random", False, 0), ("random", False, 3), ("pseudo-random", True, 0)]
    for axis, (name, pseudo_random, seed) in zip(axes, kinds, strict=False):
        layer = layers.FractionalMaxPooling2D(
            ratio, pseudo_random, overlapping=False, seed=seed
        )
        ends = array(layer(places, training=True))[0].astype(int)
        draw_regions(axis, size, ends[:, 0, 0], ends[0, :, 1])
        axis.set_title(f"{name}, {size} to {len(ends)} pixels", fontsize=9)
    ends = np.arange(1, size, 2)
    draw_regions(axes[3], size, ends, ends)
    axes[3].set_title(f"MaxPooling2D, {size} to {len(ends)} pixels", fontsize=9)
    save(figure, "fractional_max_pooling")


def draw_regions(axis, size, row_ends, column_ends):
    """Regions as a chessboard, given the last row and column of each."""
    row = np.searchsorted(row_ends, np.arange(size))
    column = np.searchsorted(column_ends, np.arange(size))
    board = ((row[:, None] + column) % 2).astype("float32")
    # What no region has.
    board[row == len(row_ends)] = np.nan
    board[:, column == len(column_ends)] = np.nan
    axis.imshow(board, cmap=TWO)


def spatial_pyramid_pooling():
    """Largest values of an image in the regions of three grids."""
    rows, columns = np.mgrid[0:24, 0:36] / 24
    image = np.sin(9 * rows) * np.cos(7 * columns) + columns
    figure, axes = panels(4, height=1.9)
    axes[0].imshow(image)
    axes[0].set_title("inputs, 24 by 36", fontsize=9)
    for axis, n in zip(axes[1:], (1, 2, 4), strict=True):
        layer = layers.SpatialPyramidPooling2D((n,), data_format="channels_last")
        outputs = array(layer(image[None, :, :, None])).reshape(n, n)
        limits = {"vmin": image.min(), "vmax": image.max()}
        axis.imshow(outputs, extent=(0, 36, 24, 0), **limits)
        axis.set_title(f"bins {n}: {n * n} of each channel", fontsize=9)
    save(figure, "spatial_pyramid_pooling")


def unpooling():
    """Where the pixels of a small image go."""
    image = np.random.default_rng(1).uniform(0.3, 1, (1, 6, 6, 1))
    options = {"data_format": "channels_last"}
    values, indices = layers.MaxPoolingWithArgmax2D(2, **options)(image)
    pooled = array(values)
    enlarged = {
        "inputs": image,
        "MaxPoolingWithArgmax2D(2)": pooled,
        "MaxUnpooling2D(2)": layers.MaxUnpooling2D(2, **options)([values, indices]),
        "Unpooling2D(2)": layers.Unpooling2D(2, **options)(pooled),
        'Unpooling2D(3, "center")': layers.Unpooling2D(3, "center", **options)(pooled),
    }
    figure, axes = panels(len(enlarged))
    for axis, (name, images) in zip(axes, enlarged.items(), strict=True):
        axis.imshow(array(images)[0, :, :, 0], cmap="Blues", vmin=0, vmax=1)
        axis.set_title(name, fontsize=9)
    save(figure, "unpooling")


def positional_encoding():
    """The encoding of 100 positions, and how alike two of them are."""
    layer = layers.SinusoidalPositionalEncoding()
    encoding = array(layer(np.zeros((1, 100, 64))))[0]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    image = left.imshow(encoding, aspect="auto", cmap="RdBu", vmin=-1, vmax=1)
    figure.colorbar(image, ax=left)
    left.set(xlabel="feature", ylabel="position", title="what is added")
    image = right.imshow(encoding @ encoding.T / 32, cmap="Blues")
    figure.colorbar(image, ax=right)
    right.set(xlabel="position", ylabel="position", title="cosine of two positions")
    save(figure, "positional_encoding")


def panels(count, height=2.8):
    figure = Figure(figsize=(2.3 * count, height), layout="constrained")
    axes = figure.subplots(1, count)
    for axis in axes:
        axis.set(xticks=[], yticks=[])
    return figure, axes


def save(figure, name):
    figure.savefig(FOLDER / f"{name}.png", dpi=120)


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


if __name__ == "__main__":
    main()
