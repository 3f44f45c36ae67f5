"""Pictures of what a model makes of images, and of the pattern it prints on them."""

import numpy as np
from matplotlib.figure import Figure

from kdl.data.sources.photographs import larger
from kdl.recipes.vision.enlarging import enlarge, likeness

# Sides in pixels of small images: of a part that is shown, and of a grey one, of which
# the border is left out.
_SHOWN, _GREY, _BORDER = 48, 64, 24


def compared(x, y, made, factor):
    """Returns how a model and bicubic interpolation do on images.

    Args:
        x: Array of small images.
        y: Array of large ones.
        made: What a model made of `x`.
        factor: Integer. By which `y` is larger.

    Returns:
        Tuple of a list of dicts, one for each image, and a figure.
    """
    bicubic, rows = larger(x, factor), []
    for n in range(len(x)):
        row = {"picture": n}
        for name, images in (("model", made), ("bicubic", bicubic)):
            scores = likeness(y[n : n + 1], images[n : n + 1])
            row |= {f"{name}_{metric}": value for metric, value in scores.items()}
        rows.append(row)
    titles = [
        f"{row['model_psnr']:.2f} dB\nbicubic {row['bicubic_psnr']:.2f}" for row in rows
    ]
    return rows, _images_figure(x, bicubic, made, y, titles)


def _images_figure(small, bicubic, made, truth, titles):
    """Draws a part of images: small, enlarged in two ways, true, and the error.

    Args:
        small: Array of shape `(examples, height, width, channels)`.
        bicubic: Array of large images, of those of the small ones.
        made: What a model made of them.
        truth: Large images.
        titles: List of strings, one for each example.
    """
    factor = truth.shape[1] // small.shape[1]
    figure = Figure(figsize=(12.5, 2.6 * len(small)), layout="constrained")
    panels = figure.subplots(len(small), 5, squeeze=False)
    heads = "input", "bicubic", "model", "truth", "4 x error of the model"
    for axes, head in zip(panels[0], heads, strict=True):
        axes.set_title(head)
    error = np.clip(4 * np.abs(np.clip(made, 0, 1) - truth).mean(-1), 0, 1)
    for row, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        top, left = _busiest(truth[row], factor * _SHOWN)
        large = (slice(top, top + factor * _SHOWN), slice(left, left + factor * _SHOWN))
        low = tuple(slice(part.start // factor, part.stop // factor) for part in large)
        parts = small[row][low], bicubic[row][large], made[row][large]
        for panel, part in zip(axes, (*parts, truth[row][large]), strict=False):
            part = np.clip(part, 0, 1)
            grey = part.shape[-1] == 1
            panel.imshow(part[..., 0] if grey else part, cmap="gray", vmin=0, vmax=1)
        axes[4].imshow(error[row][large], cmap="gray", vmin=0, vmax=1)
        axes[0].set_ylabel(title, fontsize=8)
    for panel in panels.ravel():
        panel.set_xticks([])
        panel.set_yticks([])
    return figure


def _busiest(image, side):
    """Top and left of the part of an image with the most contrast, in steps."""
    grey = image.mean(-1)
    best, at = -1.0, (0, 0)
    for top in range(0, max(1, grey.shape[0] - side + 1), side // 2):
        for left in range(0, max(1, grey.shape[1] - side + 1), side // 2):
            part = grey[top : top + side, left : left + side]
            contrast = np.abs(np.diff(part, axis=0)).sum()
            contrast += np.abs(np.diff(part, axis=1)).sum()
            if contrast > best:
                best, at = contrast, (top, left)
    return at


def checkerboard(model, factor, channels, greys):
    """Returns what a model makes of images that are of one grey all over.

    The outputs should be of one grey, too. What differs between the places of a pixel
    in its square of `factor` by `factor` is the checkerboard that the upsampling prints
    on images.

    Args:
        model: `keras.Model` of images of any size.
        factor: Integer. By which it enlarges.
        channels: Integer. Those of its images.
        greys: Sequence of floats in `[0, 1]`.

    Returns:
        Tuple of an array of outputs of shape `(greys, side, side)`, without their
        border, and of the standard deviation of each, in shades of 256.
    """
    images = np.ones((len(greys), _GREY, _GREY, channels), "float32")
    images *= np.reshape(greys, (-1, 1, 1, 1)).astype("float32")
    inner = slice(factor * _BORDER, -factor * _BORDER)
    made = enlarge(model, images, factor)[:, inner, inner].mean(-1)
    return made, 255 * made.std((1, 2))


def checkerboard_figure(model, factor, channels):
    """Draws the pattern that a model prints on grey images."""
    greys = np.linspace(0, 1, 21)
    made, deviations = checkerboard(model, factor, channels, greys)
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    middle = 255 * (made[10] - made[10].mean())
    shown = left.imshow(middle[:16, :16], cmap="gray", vmin=-2, vmax=2)
    figure.colorbar(shown, ax=left, label="shades of 256 from the mean")
    left.set_title("output for middle grey")
    left.set_xticks([])
    left.set_yticks([])
    right.plot(255 * greys, deviations)
    right.set_ylim(0, max(1.0, 1.1 * float(deviations.max())))
    right.set_xlabel("grey of the input, of 255")
    right.set_ylabel("standard deviation, shades of 256")
    right.set_title("pattern on an image of one grey")
    right.grid(alpha=0.3)
    return figure
