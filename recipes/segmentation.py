"""Say for each pixel of an image to which class it belongs."""

import functools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
from PIL import Image

from kdl import models
from kdl.callbacks.logging.prediction_figures import masks_figure
from kdl.checks import check_choice
from kdl.data import Batches, RandomAffine, RandomFlip, boundary_weights
from kdl.data.sources.images.decoding import SUFFIXES, decode_whole
from kdl.data.sources.images.image_files import ImageFiles
from kdl.data.sources.images.mask_files import MaskFiles
from kdl.losses import SparseTversky
from kdl.metrics import MeanIoU
from kdl.recipes.classes import class_names
from kdl.recipes.reading.variants import Variants
from kdl.recipes.training.training_data import check_shapes
from kdl.recipes.vision.image_recipe import ImageRecipe, are_paths, with_files
from kdl.recipes.vision.masks import (
    class_table,
    confusion,
    masked_images,
    predicted_masks,
)
from kdl.recipes.vision.networks import normalization
from kdl.recipes.vision.tiles import tiles
from kdl.typing import Arrays, HyperParameters

_MOST_FILTERS = 256  # Of a level, with which a CPU still trains in minutes.
_SHOWN = 6  # Images of the test set in the picture of `examine`.


class Segmentation(ImageRecipe):
    """Says for each pixel of an image to which class it belongs, by a U-Net.

    `predict` takes an array of images, the path of a file or folder of them, or a list
    of such paths. Images may have any size: those of another size than the source has
    are predicted in overlapping tiles, without seams. If the source has resized its
    images, files are resized in the same way. Each row says which share of the pixels
    each class has; `kdl predict --images DIR` writes the masks, of which the grey
    values are numbers of classes.

    Images that are turned or moved in training are black, and of class 0, where they
    show what lies outside. Class 0 is also what `boundary` takes for the background.

    `examine` draws test images beside their masks, and writes a table of the scores of
    each class.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"scenes"`, `"nuclei"`,
            `"masks:DIR"`, `"npz:FILE"` or a `kdl.data.Splits` of images of shape
            `(examples, height, width, channels)` and integer masks of shape `(examples,
            height, width)`. Loaded when it is first needed. Defaults to `None`, which
            is `"scenes"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.

    Example:

    >>> x = np.random.default_rng(0).random((8, 16, 16, 1), "float32")
    >>> part = x, (x[..., 0] > 0.5).astype("int32")
    >>> recipe = kdl.recipes.Segmentation(kdl.data.Splits(part, part, part))
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    >>> rows = recipe.predict(model, np.zeros((1, 40, 50, 1)))

    References:
        - [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597)
    """

    default_source = "scenes"
    objective = keras_tuner.Objective("val_mean_iou", "max")
    epochs = 16
    # Whole images, which may be large, are read at once.
    at_once = 16
    capacity: tuple[str, ...] = ("filters", "depth", "levels")
    regularization: tuple[str, ...] = (
        *("rate", "flip", "shift", "rotation", "zoom", "shear"),
        "weight_decay",
    )
    kept: tuple[str, ...] = ("classes", "resized", *ImageRecipe.kept)
    meanings = {
        "filters": "filters of the highest level; each lower one has twice as many, "
        "up to 256",
        "levels": "levels of the network; each lower one has images of half the size",
        "depth": "convolutions of a level, on the way down and again on the way up",
        "normalization": "what is normalized after each convolution",
        "activation": "activation after each convolution",
        "rate": "probability that a number on the lowest level is dropped",
        "loss": "what is learned by: boundary is cross-entropy with more weight on "
        "rare classes and on gaps between objects",
        "alpha": "weight of false positives",
        "beta": "weight of false negatives",
        "boundary_strength": "weight of a gap between objects that has no width",
        "boundary_width": "pixels over which that weight falls",
        "flip": "whether images are flipped left to right",
        "shift": "farthest that images are moved, in pixels",
        "rotation": "farthest that images are turned, in degrees",
        "zoom": "most that images grow or shrink, as a share of their size",
        "shear": "most that images are slanted, in pixels per pixel",
        "weight_decay": "share of the weights that is lost a step, times the rate",
    }

    check = staticmethod(masked_images)

    @functools.cached_property
    def classes(self) -> list[str]:
        """Names of the classes, by number."""
        return class_names(self.splits)

    @functools.cached_property
    def resized(self) -> bool:
        """Whether the source has images in files, and resizes them."""
        x = self.splits.train[0]
        size = "{}x{}".format(*self.shape[:2])
        return isinstance(x, ImageFiles) and set(x.facts["sizes"]) != {size}

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        p = SimpleNamespace(
            filters=hp.Int("filters", 4, 32, step=4, default=8),
            levels=hp.Int("levels", 2, 6, default=5),
            depth=hp.Int("depth", 1, 3, default=1),
            normalization=hp.Choice(
                "normalization", ["batch", "layer", "group", "none"]
            ),
            activation=hp.Choice("activation", ["relu", "swish", "gelu"]),
            rate=hp.Float("rate", 0.0, 0.6, default=0.0),
            loss=hp.Choice("loss", ["crossentropy", "dice", "tversky", "boundary"]),
            flip=hp.Boolean("flip", default=True),
            shift=hp.Float("shift", 0.0, 4.0, default=0.0),
            rotation=hp.Float("rotation", 0.0, 45.0, default=0.0),
            zoom=hp.Float("zoom", 0.0, 0.3, default=0.0),
            shear=hp.Float("shear", 0.0, 0.2, default=0.0),
            batch_size=hp.Choice(
                "batch_size", [4, 8, 16, 32], default=4 if self.has_few else 16
            ),
            learning_rate=hp.Float(
                "learning_rate", 1e-3, 3e-2, sampling="log", default=1e-2
            ),
            weight_decay=hp.Float(
                "weight_decay", 1e-3, 0.3, sampling="log", default=0.01
            ),
            patience=hp.Int("patience", 5, 30, default=30 if self.has_few else 10),
        )
        # With another loss, they are `None`.
        with hp.conditional_scope("loss", ["tversky"]):
            p.alpha = hp.Float("alpha", 0.1, 0.9, default=0.3)
            p.beta = hp.Float("beta", 0.1, 0.9, default=0.7)
        with hp.conditional_scope("loss", ["boundary"]):
            p.boundary_strength = hp.Float("boundary_strength", 0.0, 20.0, default=10.0)
            p.boundary_width = hp.Float("boundary_width", 1.0, 10.0, default=5.0)
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        count = len(self.classes)
        levels = min(p.levels, 1 + max(1, int(math.log2(min(self.shape[:2])))))
        model = models.unet(
            (None, None, self.shape[-1]),
            count,
            [min(p.filters * 2**level, _MOST_FILTERS) for level in range(levels)],
            p.depth,
            rate=p.rate,
            normalization=normalization(p.normalization),
            activation=p.activation,
        )
        optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        model.compile(
            optimizer,
            _loss(p),
            metrics=[
                keras.metrics.SparseCategoricalAccuracy("accuracy"),
                MeanIoU(count),
            ],
        )
        return model

    def batches(
        self, p: SimpleNamespace, x: Arrays, y: Arrays, **options: Any
    ) -> Batches:
        augment = [RandomFlip(masks=True)] if p.flip else []
        moves = p.shift, p.rotation, p.zoom, p.shear
        if any(moves):
            augment.append(RandomAffine(*moves, masks=True))
        if p.loss == "boundary":

            def weigh(x, y, rng, sample_weight=None):
                weights = boundary_weights(y, p.boundary_strength, p.boundary_width)
                if sample_weight is not None:
                    given = np.asarray(sample_weight, "float32")
                    axes = (1,) * (weights.ndim - given.ndim)
                    weights *= given.reshape(*given.shape, *axes)
                return x, y, weights

            augment.append(weigh)
        return super().batches(p, x, y, augment=augment, **options)

    def averaged(
        self,
        model: keras.Model,
        count: int = 2,
        hp: Mapping[str, Any] | None = None,
        merge: Literal["probabilities", "logits"] = "probabilities",
    ) -> keras.Model:
        check_choice("count", count, (2, 4))
        if not self.values_of(hp).flip:
            raise ValueError(
                "The training flips no images: there are no variants of one to average "
                "over."
            )
        check_choice("merge", merge, ("probabilities",))
        return models.average_flips(model, vertical=count == 4)

    def inputs(self, raw: Any) -> Any:
        if isinstance(raw, ImageFiles) and not self.resized:
            return raw.resized((*raw.shape[1:3], self.shape[-1]))
        return super().inputs(raw)

    def encode(self, part: tuple[Any, Any]) -> tuple[Any, Any]:
        x, y = super().encode(part)
        return x, y.resized(x.shape[1:3]) if isinstance(y, MaskFiles) else y

    def read(self, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
        is_image = path != "-" and path.suffix.lower() in SUFFIXES
        if is_image and not self.resized:
            yield str(path), self._image(str(path))
        else:
            yield from super().read(path)

    deployed = "It returns logits of the classes for each pixel."

    def outputs(self, model: keras.Model | Variants, raw: Any) -> Any:
        """Returns the predicted masks, a list of integer arrays `(height, width)`."""
        x = self.inputs(raw)
        if are_paths(raw) and not self.resized:
            return [self._mask(model, self._image(path)) for path in x.paths()]
        check_shapes("`raw`", x, model.input_shape)
        if list(x.shape[1:3]) == list(self.shape[:2]):
            some = predicted_masks(model, x, np.zeros(len(x)))
            return [mask for *_, masks in some for mask in masks]
        return [self._mask(model, x[n]) for n in range(len(x))]

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        rows = []
        for mask in outputs:
            counts = np.bincount(np.ravel(mask), minlength=len(self.classes))
            shares = zip(self.classes, counts / counts.sum(), strict=True)
            rows.append({f"share({name})": float(share) for name, share in shares})
        return with_files(raw, rows)

    def pictures(self, raw: Any, outputs: Any) -> Iterator[Image.Image]:
        kind = "uint8" if len(self.classes) <= 256 else "uint16"
        return (Image.fromarray(np.asarray(mask, kind)) for mask in outputs)

    def examine(self, model: keras.Model) -> dict[str, Any]:
        count, shown, matrix = len(self.classes), [], 0
        x, y = self.encode(self.splits.test)
        for batch in predicted_masks(model, x, y):
            matrix = matrix + confusion(*batch[1:], count)
            shown += zip(*batch, strict=True) if len(shown) < _SHOWN else []
        parts = zip(*shown[:_SHOWN], strict=True)
        figure = masks_figure(*parts, self.classes, title="Test set")
        return {"masks.png": figure, "classes.csv": class_table(matrix, self.classes)}

    def _image(self, path):
        """The image in a file at its own size, as the source has images."""
        return decode_whole(path, self.shape[-1]) * np.float32(self.white / 255)

    def _mask(self, model, image):
        """The class of each pixel of an image of any size."""
        mask = np.empty(image.shape[:2], "int32")
        for rows, columns, logits in tiles(model, image):
            mask[rows, columns] = np.argmax(logits, axis=-1)
        return mask


def _loss(p):
    """The loss that hyperparameters name; the weights of pixels are in the batches."""
    match p.loss:
        case "dice":
            return SparseTversky(from_logits=True)
        case "tversky":
            return SparseTversky(from_logits=True, alpha=p.alpha, beta=p.beta)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
