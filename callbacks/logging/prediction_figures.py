"""Figures of predictions."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

_WRONG = (0.9, 0.1, 0.1)  # Colour of pixels that were not found.
_DARK = (0.15, 0.15, 0.15)  # That of the first class of masks, often the ground.
_NUMBERED = 20  # Classes up to which the cells of a matrix have room for numbers.


def confusion_figure(labels, predicted, names=None, title="Confusion matrix"):
    """Draws how often each class was taken for each.

    Args:
        labels: Integer array of shape `(examples,)`. True classes.
        predicted: Integer array of shape `(examples,)`.
        names: Optional list of strings, one for each class. Defaults to `None`, for the
            numbers of those that there are.
        title: String, before the count of errors.
    """
    classes = np.unique([labels, predicted]) if names is None else range(len(names))
    matrix = confusion_matrix(labels, predicted, labels=list(classes))
    side = min(10.0, max(4.0, 2.0 + 0.35 * len(classes)))
    figure = Figure(figsize=(side + 0.5, side), layout="constrained")
    axes = figure.subplots()
    ConfusionMatrixDisplay(matrix, display_labels=names or classes).plot(
        ax=axes,
        cmap="Blues",
        colorbar=False,
        include_values=len(classes) <= _NUMBERED,
        xticks_rotation="horizontal" if names is None else "vertical",
    )
    errors = int((labels != predicted).sum())
    axes.set_title(f"{title}: {errors} of {len(labels)} wrong")
    return figure


def images_figure(images, labels, predicted, names=None, title=None):
    """Draws images with their classes, and what wrong ones were taken for.

    Args:
        images: Array of shape `(examples, height, width, channels)`.
        labels: Integer array of shape `(examples,)`. True classes.
        predicted: Integer array of shape `(examples,)`.
        names: Optional list of strings, one for each class.
        title: Optional string.
    """
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    size = max(4.0, 1.4 * columns), max(2.5, 1.6 * rows + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, image, *pair in zip(panels, images, labels, predicted, strict=False):
        image = scaled(image)
        axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, cmap="gray")
        label, guess = (str(n) if names is None else names[n] for n in pair)
        right = label == guess
        text = label if right else f"{label}, not {guess}"
        axes.set_title(text, color="black" if right else "C3", fontsize=9)
    for axes in panels:
        axes.set_axis_off()
    return figure


def masks_figure(images, masks, predicted, names, title=None):
    """Draws images, their masks, what was predicted, and where the two differ.

    Args:
        images: Sequence of arrays of shape `(height, width, channels)`.
        masks: Sequence of integer arrays of shape `(height, width)`. True classes.
        predicted: Sequence of such. Predicted ones.
        names: List of strings. Names of the classes.
        title: Optional string.
    """
    shown = np.unique(np.concatenate([np.ravel(m) for m in (*masks, *predicted)]))
    colours = np.array([_DARK, *class_colours(max(1, len(names) - 1))])
    rows = len(images)
    figure = Figure(figsize=(9.5, max(2.5, 1.8 * rows + 0.6)), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(rows, 4, squeeze=False)
    for axes, image, mask, guess in zip(panels, images, masks, predicted, strict=True):
        grey = scaled(image)
        wrong = mask != guess
        error = 0.5 * np.broadcast_to(grey, (*grey.shape[:2], 3)).copy()
        error[wrong] = _WRONG
        parts = {
            "input": np.broadcast_to(grey, (*grey.shape[:2], 3)),
            "truth": colours[mask],
            "prediction": colours[guess],
            "error": error,
        }
        for panel, (name, pixels) in zip(axes, parts.items(), strict=True):
            panel.imshow(pixels, interpolation="nearest")
            panel.set_axis_off()
            share = f": {np.mean(wrong):.1%} of pixels" if name == "error" else ""
            if share or image is images[0]:
                panel.set_title(name + share, fontsize=9)
    handles = [Patch(facecolor=colours[n], edgecolor="gray") for n in shown]
    figure.legend(
        [*handles, Patch(facecolor=_WRONG)],
        [*(names[n] for n in shown), "wrong"],
        loc="outside right upper",
        fontsize=9,
    )
    return figure


def class_colours(count):
    """Returns a colour for each class, an array of shape `(count, 3)`."""
    if count <= 20:
        # The strong ones first, and of the pale ones as many as are needed.
        some = colormaps["tab20"].colors
        return np.array([*some[::2], *some[1::2]])[:count]
    return colormaps["gist_rainbow"](np.linspace(0, 1, count))[:, :3]


def scaled(image):
    """Returns an image, whatever it was scaled to, between 0 and 1."""
    low, high = float(image.min()), float(image.max())
    return (image - low) / (high - low or 1.0)


def regression_figure(targets, predicted, title=None):
    """Draws predictions against targets.

    Args:
        targets: Array of shape `(examples,)`.
        predicted: Array of shape `(examples,)`.
        title: Optional string.
    """
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    ends = [min(targets.min(), predicted.min()), max(targets.max(), predicted.max())]
    axes.plot(ends, ends, color="gray", linewidth=1)
    axes.plot(targets, predicted, "o", markersize=4, alpha=0.5)
    axes.set_xlabel("target")
    axes.set_ylabel("prediction")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    return figure


def residuals_figure(targets, predicted, title=None):
    """Draws how far predictions are from targets, by prediction.

    Args:
        targets: Array of shape `(examples,)`.
        predicted: Array of shape `(examples,)`.
        title: Optional string.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color="gray", linewidth=1)
    axes.plot(predicted, targets - predicted, "o", markersize=4, alpha=0.5)
    axes.set_xlabel("prediction")
    axes.set_ylabel("target - prediction")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    return figure
