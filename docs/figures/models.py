"""Draws the pictures of docs/models.md: the shapes within a model of each family.

KERAS_BACKEND=torch python docs/figures/models.py
"""

import math
from pathlib import Path

from matplotlib.figure import Figure

from kdl import models
from kdl.models.images.inception import GOOGLENET

FOLDER = Path(__file__).parent.parent / "images"
PIXELS, CLASSES = (32, 32, 3), 10
# What is in a box, by how the name of its layer begins, and the colour.
KINDS = {
    "images": ("images", "0.8"),
    "stem_pooling": ("pooling", "C1"),
    "stem": ("convolution", "C0"),
    "stage": (None, "C9"),
    "down": ("two convolutions and a pooling", "C0"),
    "lowest": ("convolution", "C0"),
    "up": ("enlarged, joined, two convolutions", "C2"),
    "pooling": ("pooling", "C1"),
    "last": ("convolution", "C0"),
    "flatten": ("vector", "0.5"),
    "dense": ("dense layer", "C4"),
    "logits": ("logits", "C3"),
}
STAGES = {
    "cnn": "convolutions",
    "vgg": "convolutions and a pooling",
    "inception": "block of Inception",
    "resnet": "residual block",
    "efficientnet": "inverted residual block",
}
GAP = 3
SHOWN = {
    "cnn": lambda: models.cnn(PIXELS, CLASSES, (32, 64, 64), units=(128,)),
    "vgg": lambda: models.vgg(PIXELS, CLASSES, (32, 64, 128), depth=2),
    "inception": lambda: models.inception(
        PIXELS, CLASSES, GOOGLENET[:2], stem="pooled"
    ),
    "resnet": lambda: models.resnet(
        PIXELS, CLASSES, (24, 48, 96), depth=2, stem="pooled"
    ),
    "efficientnet": lambda: models.efficientnet(PIXELS, CLASSES, stem="small"),
    "unet": lambda: models.unet(PIXELS, CLASSES, (16, 32, 64, 128)),
}


def main():
    for family, make in SHOWN.items():
        draw(family, make())


def draw(family, model):
    """A box for each layer: as high as its images, and the wider the more channels."""
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    axes = figure.subplots()
    left, places, labels = 0.0, {}, set()
    for layer in model.layers:
        _, *sides, channels = shape_of(layer)
        kind = next(name for name in KINDS if layer.name.startswith(name))
        label, color = KINDS[kind]
        label = label or STAGES[family]
        height = sides[0] if sides else 1
        width = 1 + math.log2(channels)
        axes.bar(
            *(left, height, width, -height / 2),
            align="edge",
            color=color,
            edgecolor="black",
            label=None if label in labels else label,
        )
        labels.add(label)
        middle = left + width / 2
        axes.text(middle, -height / 2 - 1, channels, ha="center", va="top", fontsize=7)
        if sides:
            text = f"{height}²"
            axes.text(middle, height / 2 + 1, text, ha="center", fontsize=7)
        places[layer.name] = middle, height
        left += width + GAP
    for name, (start, height) in places.items():
        if name.startswith("down"):
            end, _ = places[name.replace("down", "up")]
            top = PIXELS[0] / 2 + 5 + height / 4
            axes.plot(
                [start, start, end, end], [top - 3, top, top, top - 3], "C2", lw=1
            )
    axes.set(ylim=(-PIXELS[0] / 2 - 5, PIXELS[0] / 2 + 12))
    axes.axis("off")
    figure.legend(loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    figure.savefig(FOLDER / f"model_{family}.png", dpi=110)


def shape_of(layer):
    """The shape of what a layer returns, or passes on if it also keeps something."""
    outputs = layer.output
    return (outputs[0] if isinstance(outputs, (list, tuple)) else outputs).shape


if __name__ == "__main__":
    main()
