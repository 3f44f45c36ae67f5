"""Enlarging images, and what comes of it."""

import numpy as np
from matplotlib.figure import Figure

from kdl.metrics import PSNR, SSIM
from kdl.metrics.ssim import WINDOW

# Sides in pixels of the small images: of a tile, of what it sees beyond its border, and
# of a part that is shown.
_TILE, _MARGIN, _SHOWN = 192, 24, 48


def enlarge(model, images, factor):
    """Returns what a model makes of small images, tile by tile.

    A photograph as a whole would need gigabytes. A tile sees enough of its neighbours
    for the outputs to be those of the whole image.

    Args:
        model: `keras.Model` of images of any size.
        images: Array of shape `(examples, height, width, channels)`.
        factor: Integer. By which the model enlarges.
    """
    count, height, width, channels = images.shape
    if not count:
        return np.zeros((0, factor * height, factor * width, channels), "float32")
    outputs = np.empty((count, factor * height, factor * width, channels), "float32")
    tile = [min(side, _TILE + 2 * _MARGIN) for side in (height, width)]
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            # All of one size, since JAX and TensorFlow compile for each.
            begin = [
                min(max(0, place - _MARGIN), whole - side)
                for place, whole, side in zip(
                    (top, left), (height, width), tile, strict=True
                )
            ]
            rows, columns = (
                slice(b, b + side) for b, side in zip(begin, tile, strict=True)
            )
            made = model.predict(images[:, rows, columns], batch_size=8, verbose=0)
            inner = [
                slice(factor * (place - b), factor * (place - b + _TILE))
                for place, b in zip((top, left), begin, strict=True)
            ]
            outer = [
                slice(factor * place, factor * (place + _TILE)) for place in (top, left)
            ]
            outputs[:, outer[0], outer[1]] = made[:, inner[0], inner[1]]
    return outputs


def likeness(truth, images):
    """Returns how alike images are: PSNR and SSIM by name, floats.

    Of images smaller than its window, there is no SSIM.
    """
    metrics = [PSNR(), SSIM()] if min(truth.shape[1:3]) >= WINDOW else [PSNR()]
    for metric in metrics:
        metric.update_state(truth, images)
    return {metric.name: float(metric.result()) for metric in metrics}


def turned(x, y, rng):
    """Flips and turns small and large images, each pair in one of eight ways.

    Args:
        x: Array of shape `(batch, height, width, channels)`.
        y: Array of the same, larger.
        rng: `numpy.random.Generator`.
    """
    ways = rng.integers(0, 2, (3, len(x))).astype(bool)
    return tuple(_turned(images, *ways) for images in (x, y))


def _turned(images, across, over, transposed):
    images = images.copy()
    images[across] = images[across, :, ::-1]
    images[over] = images[over, ::-1]
    if images.shape[1] == images.shape[2]:
        images[transposed] = images[transposed].swapaxes(1, 2)
    return images


def images_figure(small, bicubic, made, truth, titles):
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
    side, border = 64, 24
    images = np.ones((len(greys), side, side, channels), "float32")
    images *= np.reshape(greys, (-1, 1, 1, 1)).astype("float32")
    inner = slice(factor * border, -factor * border)
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
    right.set_ylabel("standard deviation")
    right.set_title("pattern on an image of one grey")
    right.grid(alpha=0.3)
    return figure
