"""Classify images, such as handwritten digits."""

import functools
from pathlib import Path
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np

from kdl import spaces
from kdl.callbacks.logging.prediction_figures import confusion_figure
from kdl.data import RandomAffine, RandomFlip
from kdl.data.on_disk import OnDisk
from kdl.data.sources.images.decoding import SUFFIXES, decode
from kdl.data.sources.images.folder import image_files
from kdl.data.sources.images.image_files import ImageFiles
from kdl.data.splits import labelled_images
from kdl.recipes.classes import class_names, class_rows, class_scores
from kdl.recipes.image_networks import DEEP, FAMILIES, ORDERED, SMALL, network
from kdl.recipes.recipe import Recipe, predicted
from kdl.schedules import Warmup

_PENALTIES = {
    "choices": ["elastic_net", "max_norm"],
    "alpha": (1e-6, 1e-2, 1e-5),
    "max_value": (0.5, 4.0, 2.0),
    "strength": (1e-3, 1.0, 0.1),
}


class Images(Recipe):
    """Classifies images by a network of one of several families.

    Size and channels of the images, and the names of the classes, are those of the
    source. The family is a hyperparameter: by default a plain convolutional network
    for images of up to 16 pixels a side, and a residual network for larger ones. So is
    whether images are flipped in training, by default those in colour, and clothes.

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
        "family": "family of the network, as of kdl.models",
        "filters": "filters of the first stage; the later ones have more",
        "depth": "convolutions or blocks of a stage",
        "normalization": "what is normalized after each convolution",
        "activation": "activation after each convolution",
        "order": "order of convolution, normalization (B) and activation (R)",
        "units": "units of the dense layer",
        "drop": "what is dropped in training: units, or connections between them",
        "rate": "probability that one is dropped",
        "rate_warmup": "epochs over which the rate grows from zero",
        "depth_rate": "probability that the last block is dropped; others less often",
        "penalty_warmup": "epochs over which the penalty grows from zero",
        "flip": "whether images are flipped left to right",
        "shift": "farthest that images are moved, in pixels",
        "rotation": "farthest that images are turned, in degrees",
        "zoom": "most that images grow or shrink, as a share of their size",
        "shear": "most that images are slanted, in pixels per pixel",
        "smoothing": "share of each target that goes to all classes alike",
        "weight_decay": "share of the weights that is lost a step, times the rate",
        "regularizer": "penalty on the kernels",
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
        is_small = max(self.shape[:2]) <= SMALL
        default = "cnn" if is_small else "resnet"
        p = SimpleNamespace(
            family=hp.Choice("family", list(FAMILIES), default=default),
            filters=hp.Int("filters", 8, 64, step=8, default=32 if is_small else 24),
            depth=hp.Int("depth", 1, 3, default=1),
            normalization=hp.Choice(
                "normalization", ["batch", "layer", "group", "none"]
            ),
            activation=hp.Choice("activation", ["relu", "swish", "gelu"]),
            rate=hp.Float("rate", 0.0, 0.8, default=0.4 if is_small else 0.2),
            rate_warmup=hp.Int("rate_warmup", 0, 20, default=0),
            penalty_warmup=hp.Int("penalty_warmup", 0, 20, default=0),
            flip=hp.Boolean("flip", default=self.may_be_flipped),
            shift=hp.Float("shift", 0.0, 4.0, default=0.7 if is_small else 1.0),
            rotation=hp.Float("rotation", 0.0, 20.0, default=10.0),
            zoom=hp.Float("zoom", 0.0, 0.2, default=0.1),
            shear=hp.Float("shear", 0.0, 0.2, default=0.1),
            smoothing=hp.Float("smoothing", 0.0, 0.2, default=0.0),
            batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
            learning_rate=hp.Float(
                "learning_rate", 1e-3, 3e-2, sampling="log", default=1e-2
            ),
            weight_decay=hp.Float(
                "weight_decay", 1e-3, 0.3, sampling="log", default=0.1
            ),
            patience=hp.Int("patience", 5, 30, default=10),
        )
        # Of another family, they are `None`.
        with hp.conditional_scope("family", ["cnn"]):
            p.units = hp.Int("units", 32, 256, step=2, sampling="log", default=128)
            p.drop = hp.Choice("drop", ["units", "connections"])
        with hp.conditional_scope("family", list(ORDERED)):
            p.order = hp.Choice("order", ["CBR", "CRB"])
        with hp.conditional_scope("family", list(DEEP)):
            p.depth_rate = hp.Float("depth_rate", 0.0, 0.5, default=0.0)
        # What it returns is made in `build`, where the length of its warm-up is known.
        spaces.regularizer(hp, **_PENALTIES)
        return p

    @property
    def may_be_flipped(self):
        """Whether images mean the same from the other side; of digits, none does."""
        return self.source == "fashion" or self.shape[-1] == 3

    def build(self, hp):
        p = self.space(hp)
        penalty = spaces.regularizer(
            hp,
            schedule=lambda strength: self._warmup(p, strength, p.penalty_warmup),
            **_PENALTIES,
        )
        rate = self._warmup(p, p.rate, p.rate_warmup)
        model = network(p, self.shape, len(self.classes), rate, penalty)
        optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        model.compile(optimizer, **class_scores(p.smoothing))
        return model

    def batches(self, p, x, y, **options):
        affine = RandomAffine(p.shift, p.rotation, p.zoom, p.shear)
        augment = [RandomFlip(), affine] if p.flip else [affine]
        return super().batches(p, x, y, augment=augment, **options)

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
