"""What recipes that make images do alike."""

import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
from numpy.typing import ArrayLike

from kdl.callbacks.image_grid import COLUMNS, grid
from kdl.data import Batches
from kdl.data.splits import Splits, labelled_images
from kdl.metrics import SampleQuality
from kdl.recipes.classes import class_names
from kdl.recipes.generative.samples import (
    Grids,
    grid_figure,
    nearest_figure,
)
from kdl.recipes.reading.variants import Variants
from kdl.recipes.vision.embeddings import nearest
from kdl.recipes.vision.image_recipe import ImageRecipe
from kdl.typing import Arrays, HyperParameters

_LEAST, _MOST, _ROWS = 4, 16, 8  # Rows of a grid: of classes, or as many.
_COMPARED = 1000  # Real images and samples that the measures compare, at most.
_WHILE_TRAINING = 500  # The same, of an epoch.
_NEIGHBOURS = 5  # Of precision and recall, if there are so many.
_LOOKS = 6  # Epochs of a fit that are validated.
_SEARCHED = 4000  # Training images among which the nearest are sought.
_BESIDE = 6  # Samples that are shown beside their nearest training images.


class ImageGenerator(ImageRecipe):
    """A recipe that makes new images, like those that it has learned.

    They are made by class. `build` returns a model that has
    `generate(count, seed, labels=labels)`. Few epochs are validated, since making
    images takes its time; the last one always is.
    """

    default_source = "fashion"
    objective = keras_tuner.Objective("val_frechet_distance", "min")
    kept: tuple[str, ...] = ("classes", *ImageRecipe.kept)
    scores_classes = False
    combines = False
    capacity: tuple[str, ...] = ("filters", "depth")

    _measure = None  # Real images, and what compares samples with them.

    @functools.cached_property
    def classes(self) -> list[str]:
        """Names of the classes, by label."""
        return class_names(self.splits)

    def check(self, splits: Splits) -> Splits:
        splits = labelled_images(splits)
        fewest = min(len(splits.validation[1]), len(splits.test[1]))
        if fewest < 2:
            raise ValueError(
                "`source` must hold two images or more to validate and two to test, "
                f"which samples are compared with. Received: {fewest}"
            )
        if self.precision == "float64" and _lacks_grey(splits):
            raise ValueError(
                "`precision` must be 'float32' or 'mixed_bfloat16' for images of one "
                "channel on PyTorch, whose CPU has no gradient of a convolution to one "
                "channel in float64; JAX and TensorFlow have. Received: "
                "precision='float64'"
            )
        return splits

    def encode(self, part: tuple[Any, Any]) -> tuple[Any, Any]:
        x, y = super().encode(part)
        return (x, np.asarray(y)), y

    def fit(
        self,
        hp: HyperParameters,
        model: keras.Model,
        x: Arrays,
        y: Arrays,
        *,
        initial_epoch: int = 0,
        epochs: int | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        epochs = self.epochs if epochs is None else epochs
        # The first one too, so that what there is to stop by is known.
        looks = np.linspace(initial_epoch + 1, epochs, _LOOKS)
        kwargs.setdefault("validation_freq", sorted({round(look) for look in looks}))
        options = {"initial_epoch": initial_epoch, "epochs": epochs, "seed": seed}
        return super().fit(hp, model, x, y, **options, **kwargs)

    def callbacks(
        self, p: SimpleNamespace, batches: Batches, epochs: int
    ) -> Iterable[keras.callbacks.Callback]:
        self._grids = Grids(self._shown, self.white)
        return [self._grids]

    def _shown(self, model):
        """Images of a grid, each row of a class, or the first and then again."""
        count = len(self.classes)
        rows = np.arange(count if count in range(_LEAST, _MOST) else _ROWS) % count
        labels = np.repeat(rows, COLUMNS)
        return self.generate(model, len(labels), labels=labels)

    def network(self, model: keras.Model) -> keras.Model:
        # With the averaged weights, by which images are made.
        return model.averaged

    def generate(
        self,
        model: keras.Model,
        count: int,
        seed: int = 0,
        labels: ArrayLike | None = None,
    ) -> np.ndarray:
        """Returns images that a model makes, an array.

        Args:
            model: `keras.Model` of this recipe.
            count: Integer in `[1, inf)`.
            seed: Integer in `[0, inf)`. Defaults to `0`.
            labels: Optional integers of shape `(count,)`. Defaults to `None`: all
                classes equally often.

        Raises:
            ValueError: If an argument is not as described.
        """
        if labels is None:
            labels = np.arange(count) % len(self.classes)
        return model.generate(count, seed, labels=labels)

    def scores(self, model: keras.Model, x: Arrays, y: Arrays) -> dict[str, float]:
        images, labels = x
        return self.quality(model, images, labels, _WHILE_TRAINING)

    def quality(
        self, model: keras.Model, images: Arrays, labels: ArrayLike, most: int
    ) -> dict[str, float]:
        """Returns what samples are worth beside real images, as many of either.

        Args:
            model: `keras.Model` of this recipe.
            images: Real images.
            labels: Integers of shape `(images,)`.
            most: Integer. How many are compared, at most.

        Returns:
            Dict of floats, as of `kdl.metrics.SampleQuality`.
        """
        rows = _some(len(labels), most)
        # The real images of a fit are the same in each epoch: their features too.
        if self._measure is None or self._measure[0] is not images:
            (training, _), _ = self.encode(self.splits.train)
            floor = training[_some(len(training), len(rows))]
            measure = SampleQuality(
                images[rows],
                labels[rows],
                floor=floor,
                neighbours=min(_NEIGHBOURS, len(rows) - 1),
            )
            self._measure = images, measure
        return self._measure[1](self.generate(model, len(rows)))

    def evaluate(self, model: keras.Model | Variants) -> dict[str, float]:
        """Returns losses on the test set, and what samples are worth beside it."""
        (images, labels), _ = self.encode(self.splits.test)
        return {
            **super().evaluate(model),
            **self.quality(model, images, labels, _COMPARED),
        }

    def examine(self, model: keras.Model) -> dict[str, Any]:
        made = self._shown(model)
        (training, _), _ = self.encode(self.splits.train)
        training = training[_some(len(training), _SEARCHED)]
        shown = made[:: len(made) // _BESIDE][:_BESIDE]
        flat = (part.reshape(len(part), -1) for part in (training, shown))
        _, rows = nearest(*flat)
        parts = {
            "samples.png": grid_figure(grid(made, self.white), "Samples"),
            "nearest.png": nearest_figure(shown, training, rows, self.white),
        }
        grids = vars(self).get("_grids")
        # Those of another model say nothing of this one.
        if grids is not None and grids.model is model and grids.grids:
            parts["samples_by_epoch.png"] = grids.figure()
            parts["samples.gif"] = grids.animation()
        return parts

    def read(self, path: Path | Literal["-"]) -> Iterator[tuple[str, Any]]:
        raise ValueError(
            f"The recipe {self.name!r} predicts nothing from inputs. `kdl generate` "
            "makes images."
        )


def _some(count, most):
    """Rows of up to so many examples, the same each time, in order."""
    return np.sort(np.random.default_rng(0).permutation(count)[:most])


def _lacks_grey(splits):
    """Whether grey images cannot be made in float64 here.

    PyTorch 2.13 raises "slow_conv2d: grad_weight must be contiguous".
    """
    if splits.train[0].shape[-1] > 1 or keras.backend.backend() != "torch":
        return False
    return keras.ops.zeros(()).device.type == "cpu"
