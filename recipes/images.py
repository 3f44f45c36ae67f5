"""Classify images, such as handwritten digits."""

import functools
from pathlib import Path
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
from keras import layers

from kdl import spaces
from kdl.callbacks.logging.prediction_figures import confusion_figure
from kdl.data import RandomAffine
from kdl.data.on_disk import OnDisk
from kdl.data.sources.images.decoding import SUFFIXES, decode
from kdl.data.sources.images.folder import image_files
from kdl.data.sources.images.image_files import ImageFiles
from kdl.data.splits import labelled_images
from kdl.layers import Clock, DropConnectDense, Dropout
from kdl.recipes.classes import class_names, class_rows, class_scores
from kdl.recipes.recipe import Recipe, predicted
from kdl.schedules import Warmup

_PENALTIES = {
    "choices": ["elastic_net", "max_norm"],
    "alpha": (1e-6, 1e-2, 1e-5),
    "max_value": (0.5, 4.0, 2.0),
    "strength": (1e-3, 1.0, 0.1),
}


# Up to so many pixels along a side, features are flattened.
_LARGEST = 8


class Images(Recipe):
    """Convolutional network that classifies small images, such as handwritten digits.

    Size and channels of the images, and the names of the classes, are those of the
    source. Larger images than those of the digits are halved further, until no side is
    longer than eight pixels.

    `predict` takes an array of images, the path of a file or folder of them, or a list
    of such paths; images in files become what the source has, and each row names its
    `"file"`.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"digits"`, `"gallery"`,
            `"fashion"`, `"images:DIR"`, `"npz:FILE"`, `"tfds:NAME"` or a
            `kdl.data.Splits` of images of shape `(examples, height, width, channels)`
            and integer labels. Loaded when it is first needed. Defaults to `None`,
            which is `"digits"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.

    Example:

    >>> recipe = kdl.recipes.Images("gallery")
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    >>> rows = recipe.predict(model, recipe.splits.test[0][:3])
    """

    default_source = "digits"
    # Not `val_loss`: it counts the penalty, which the search could just turn off.
    objective = keras_tuner.Objective("val_crossentropy", "min")
    epochs = 30
    kept = ("classes", "shape", "white")
    reads = (*SUFFIXES, ".npy", ".npz")
    meanings = {
        "filters": "filters of the first two convolutions; the third has twice as many",
        "units": "units of the dense layer",
        "drop": "what is dropped in training: units, or connections between them",
        "rate": "probability that one is dropped",
        "rate_warmup": "epochs over which the rate grows from zero",
        "penalty_warmup": "epochs over which the penalty grows from zero",
        "shift": "farthest that images are moved, in pixels",
        "rotation": "farthest that images are turned, in degrees",
        "zoom": "most that images grow or shrink, as a share of their size",
        "shear": "most that images are slanted, in pixels per pixel",
        "weight_decay": "share of the weights that is lost a step, times the rate",
        "regularizer": "penalty on the weights of the dense layer",
        "regularizer/alpha": "strength of the elastic net",
        "regularizer/l1_ratio": "share of L1 in it, the rest being L2",
        "regularizer/max_value": "norm of a unit's weights from which max-norm counts",
        "regularizer/strength": "strength of max-norm",
    }

    check = staticmethod(labelled_images)

    @functools.cached_property
    def classes(self):
        """Names of the classes, by label."""
        return class_names(self.splits)

    @functools.cached_property
    def shape(self):
        """Height, width and channels of the images, a list."""
        return list(np.shape(self.splits.train[0])[1:])

    @functools.cached_property
    def white(self):
        """The value of a white pixel: 255.0, or 1.0 where none is greater than 1."""
        x = self.splits.train[0]
        return 255.0 if not isinstance(x, OnDisk) and np.max(x) > 1 else 1.0

    def read(self, path):
        """Yields name and pixels of the image in a file, or of each in an array.

        An image is scaled to the size of those that were learned, and made grey or
        coloured as they are. An array must hold images as the source has them.
        """
        if path == "-" or path.suffix.lower() not in SUFFIXES:
            yield from super().read(path)
        else:
            height, width, channels = self.shape
            pixels = decode(str(path), (height, width), channels)
            yield str(path), pixels * np.float32(self.white / 255)

    def inputs(self, raw):
        if _are_paths(raw):
            return image_files(raw, self.shape)
        if isinstance(raw, ImageFiles):
            return raw.resized(self.shape)
        return raw if isinstance(raw, OnDisk) else np.asarray(raw, "float32")

    def space(self, hp):
        p = SimpleNamespace(
            filters=hp.Int("filters", 16, 64, step=16, default=32),
            units=hp.Int("units", 32, 256, step=2, sampling="log", default=128),
            drop=hp.Choice("drop", ["units", "connections"]),
            rate=hp.Float("rate", 0.0, 0.8, default=0.4),
            rate_warmup=hp.Int("rate_warmup", 0, 20, default=0),
            penalty_warmup=hp.Int("penalty_warmup", 0, 20, default=0),
            shift=hp.Float("shift", 0.0, 1.5, default=0.7),
            rotation=hp.Float("rotation", 0.0, 20.0, default=10.0),
            zoom=hp.Float("zoom", 0.0, 0.2, default=0.1),
            shear=hp.Float("shear", 0.0, 0.2, default=0.1),
            batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
            learning_rate=hp.Float(
                "learning_rate", 1e-3, 3e-2, sampling="log", default=1e-2
            ),
            weight_decay=hp.Float(
                "weight_decay", 1e-3, 0.3, sampling="log", default=0.1
            ),
            patience=hp.Int("patience", 5, 30, default=10),
        )
        # What it returns is made in `build`, where the length of its warm-up is known.
        spaces.regularizer(hp, **_PENALTIES)
        return p

    def build(self, hp):
        p = self.space(hp)
        inputs = keras.Input(self.shape)
        x = Clock(name="clock")(inputs)
        x = _convolution(x, p.filters)
        x = _convolution(x, p.filters)
        x = layers.MaxPooling2D(data_format="channels_last")(x)
        x = _convolution(x, 2 * p.filters)
        while max(x.shape[1:3]) > _LARGEST:
            x = layers.MaxPooling2D(padding="same", data_format="channels_last")(x)
            x = _convolution(x, 2 * p.filters)
        x = layers.Flatten(data_format="channels_last")(x)
        rate = self._warmup(p, p.rate, p.rate_warmup)
        penalty = spaces.regularizer(
            hp,
            schedule=lambda strength: self._warmup(p, strength, p.penalty_warmup),
            **_PENALTIES,
        )
        options = {"activation": "relu", "kernel_regularizer": penalty}
        if p.drop == "connections":
            x = DropConnectDense(p.units, rate, **options)(x)
        else:
            x = Dropout(rate)(layers.Dense(p.units, **options)(x))
        model = keras.Model(inputs, layers.Dense(len(self.classes))(x))
        optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        model.compile(optimizer, **class_scores())
        return model

    def batches(self, p, x, y, **options):
        affine = RandomAffine(p.shift, p.rotation, p.zoom, p.shear)
        return super().batches(p, x, y, augment=[affine], **options)

    def rows(self, raw, outputs):
        rows = class_rows(self.classes, outputs)
        if not _are_paths(raw):
            return rows
        files = image_files(raw, self.shape).names()
        return [{"file": file, **row} for file, row in zip(files, rows, strict=True)]

    def examine(self, model):
        x, y = self.encode(self.splits.test)
        found = np.argmax(predicted(model, x), axis=-1)
        figure = confusion_figure(y, found, self.splits.classes, title="Test set")
        return {"confusion_matrix.png": figure}

    def _warmup(self, p, value, epochs):
        """A number that grows from zero to a value, in epochs of the source."""
        steps = epochs * (len(self.splits.train[0]) // p.batch_size)
        return Warmup(value, steps) if steps else value


def _are_paths(raw):
    some = [raw] if isinstance(raw, (str, Path)) else raw
    return (
        isinstance(some, (list, tuple))
        and bool(some)
        and all(isinstance(path, (str, Path)) for path in some)
    )


def _convolution(x, filters):
    options = {"padding": "same", "use_bias": False, "data_format": "channels_last"}
    x = layers.Conv2D(filters, 3, **options)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
