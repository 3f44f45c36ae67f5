"""Draws the picture of docs/attribution.md, and prints what `by_place` finds.

A network learns clothes of which one class, bags, has a mark in the corner.

KERAS_BACKEND=jax python docs/figures/attribution.py
"""

from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure

import kdl
from kdl import attribution

FOLDER = Path(__file__).parent.parent / "images"
MARKED, SHOWN = "Bag", ("Bag", "Trouser", "Sneaker")
METHODS = {
    "image": None,
    "saliency": attribution.saliency,
    "SmoothGrad": attribution.smooth_grad,
    "integrated gradients": lambda *args: attribution.integrated_gradients(*args)[0],
    "Grad-CAM": attribution.grad_cam,
    "occlusion": lambda *args: attribution.occlusion(*args, window=5),
}


def main():
    splits = kdl.data.fashion()
    names = [name.lower() for name in splits.classes]
    label = names.index(MARKED.lower())
    for x, y in splits:
        x[y == label, 1:4, 1:4] = 1.0
    keras.utils.set_random_seed(0)
    model = kdl.models.resnet((28, 28, 1), 10, (12, 24, 48), depth=1, stem="small")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    model.fit(*splits.train, epochs=5, verbose=0)
    x, y = splits.test
    print(f"accuracy {model.evaluate(x, y, verbose=0, return_dict=True)['accuracy']}")
    attributions, gap = attribution.integrated_gradients(model, x, y)
    found = attribution.by_place(attributions, y, splits.classes)
    print(f"largest gap {np.abs(gap).max():.4f}, {len(found.suspects)} suspects")
    for row in found.rows[:3]:
        print(row)
    draw(model, x, y, [names.index(name.lower()) for name in SHOWN])


def draw(model, x, y, labels):
    figure = Figure(figsize=(9.6, 5.2), layout="constrained")
    panels = figure.subplots(len(labels), len(METHODS))
    right = np.argmax(model.predict(x, verbose=0), axis=-1) == y
    for row, label in zip(panels, labels, strict=True):
        n = np.flatnonzero((y == label) & right)[0]
        for panel, (name, method) in zip(row, METHODS.items(), strict=True):
            if method is None:
                found = np.zeros(x[n].shape)
            else:
                (found,) = method(model, x[n : n + 1], int(label))
            panel.imshow(attribution.overlay(x[n], found))
            panel.axis("off")
            if label == labels[0]:
                panel.set_title(name, fontsize=10)
    figure.savefig(FOLDER / "attribution.png", dpi=110)


if __name__ == "__main__":
    main()
