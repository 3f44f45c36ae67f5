"""Pictures of what autoencoders make of images."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from PIL import Image

from kdl.recipes.generative.reconstruction import corrupted, filtered, in_memory

_SHOWN = 10  # Examples in a picture.
_HOTTEST = 0.5  # Absolute error of a pixel from which on heat maps are brightest.


def reconstructions_figure(model, pca, x, validation):
    """Draws test images beside what the model makes of them, and PCA or a filter.

    Args:
        model: `kdl.models.Autoencoder` or `VariationalAutoencoder`.
        pca: `PrincipalComponents`, or `None`.
        x: Test images.
        validation: Images that choose the filter which a denoising model is shown
            beside.
    """
    x = in_memory(x, count=_SHOWN)
    rows, seen = {"input": x}, x
    if getattr(model, "corruption", None) is not None:
        validation = in_memory(validation)
        filters = filtered(validation, corrupted(model, validation, seed=1))
        rows["corrupted"] = seen = corrupted(model, x, seed=2)
        rows |= {name: function(seen) for name, function in filters.items()}
    if pca is not None:
        rows[f"PCA of {model.decoder.input_shape[-1]}"] = pca.reconstruct(seen)
    rows["model"] = model.reconstruct(seen)
    errors = {name: np.mean(np.square(made - x)) for name, made in rows.items()}
    figure = Figure(figsize=(1.1 * len(x) + 1.6, 1.15 * len(rows) + 1.8))
    figure.set_layout_engine("constrained")
    panels = figure.subplots(len(rows) + 1, len(x), squeeze=False)
    for axes, (name, made) in zip(panels, rows.items(), strict=False):
        error = "" if name == "input" else f"\nerror {errors[name]:.4f}"
        _show_row(axes, made, f"{name}{error}")
    difference = np.abs(rows["model"] - x).mean(-1)
    for axes, one in zip(panels[-1], difference, strict=True):
        shown = axes.imshow(one, cmap="inferno", vmin=0, vmax=_HOTTEST)
    _label(panels[-1], "|input - model|")
    figure.colorbar(shown, ax=panels[-1], fraction=0.05)
    figure.suptitle("Test images, and the mean squared error of those shown")
    return figure


def heat(x, restored):
    """Returns a heat map of where images and their restorations differ.

    Args:
        x: Array of images of shape `(..., height, width, channels)`.
        restored: Array of the same shape.

    Returns:
        Array of colours in `[0, 1]` of shape `(..., height, width, 3)`, black where
        they are equal, and brightest where they differ by 0.5 or more.
    """
    difference = np.abs(np.subtract(x, restored)).mean(-1)
    return colormaps["inferno"](np.clip(difference / _HOTTEST, 0, 1))[..., :3]


def beside_heat(x, restored):
    """Returns images in colour, each with its heat map to the right of it."""
    shape = (*x.shape[:-1], 3)
    colour = x if x.shape[-1] == 3 else x.mean(-1, keepdims=True)
    return np.concatenate([np.broadcast_to(colour, shape), heat(x, restored)], axis=2)


def as_picture(image):
    """Returns an array of numbers in `[0, 1]` as a `PIL.Image.Image`."""
    pixels = np.rint(255 * np.clip(image, 0, 1)).astype("uint8")
    return Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[..., 0])


def show(axes, image):
    """Draws an image of numbers in `[0, 1]`, of one channel, of three, or of more."""
    image = np.clip(image, 0, 1)
    is_colour = image.shape[-1] == 3
    axes.imshow(image if is_colour else image.mean(-1), "gray", vmin=0, vmax=1)
    axes.set_xticks([])
    axes.set_yticks([])


def _show_row(panels, images, label):
    for axes, image in zip(panels, images, strict=True):
        show(axes, image)
    _label(panels, label)


def _label(panels, label):
    for axes in panels:
        axes.set_xticks([])
        axes.set_yticks([])
    panels[0].set_ylabel(label, fontsize=8)
