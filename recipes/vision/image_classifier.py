"""What recipes that learn the classes of images do alike."""

import functools
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Literal

import keras
import numpy as np

from kdl.callbacks.logging.prediction_figures import confusion_figure
from kdl.data import (
    Batches,
    CutMix,
    Cutout,
    MixUp,
    RandAugment,
    RandomAffine,
    RandomFlip,
)
from kdl.data.splits import Splits, labelled_images
from kdl.models.interface import PROBABILITIES, scores_of
from kdl.recipes.classes import class_names, class_rows
from kdl.recipes.reading.from_disk import predicted
from kdl.recipes.reading.variants import Variants
from kdl.recipes.vision.image_recipe import ImageRecipe, with_files
from kdl.recipes.vision.networks import SMALL
from kdl.typing import Arrays, HyperParameters

# Arguments of `RandomAffine`.
_MOVES = "shift", "rotation", "zoom", "shear"


class ImageClassifier(ImageRecipe):
    """A recipe whose inputs are images, augmented, and whose targets are classes.

    Attributes:
        mixes: Boolean. Whether images may be mixed with others, of which targets become
            shares of classes.
    """

    mixes = True
    kept: tuple[str, ...] = ("classes", *ImageRecipe.kept)
    deployed = "It returns a logit, or a score, of each class."
    regularization: tuple[str, ...] = (
        *("flip", "shift", "rotation", "zoom", "shear", "cutout", "mixing"),
        "operations",
    )
    meanings = {
        "flip": "whether images are flipped left to right; of digits, none is",
        "shift": "farthest that images are moved, in pixels",
        "rotation": "farthest that images are turned, in degrees",
        "zoom": "most that images grow or shrink, as a share of their size",
        "shear": "most that images are slanted, in pixels per pixel",
        "operations": "operations of RandAugment on each image",
        "strength": "strength of these operations",
        "cutout": "side of the hole in each image, as a share of its size",
        "mixing": "how each image is mixed with another one of its batch",
        "mixing_alpha": "alpha of Beta(alpha, alpha), which draws the share of one",
        "weight_decay": "share of the weights that is lost a step, times the rate",
    }

    check = staticmethod(labelled_images)

    @functools.cached_property
    def classes(self) -> list[str]:
        """Names of the classes, by label."""
        return class_names(self.splits)

    def check_training(self, splits: Splits) -> None:
        count = len(np.unique(splits.train[1]))
        if count < 2:
            raise ValueError(
                "`source` must have two classes or more in its training set, such as "
                f"`images:DIR` with a folder for each. Received: {count}"
            )

    @property
    def is_small(self) -> bool:
        """Whether the images have few pixels."""
        return max(self.shape[:2]) <= SMALL

    @property
    def has_digits(self) -> bool:
        """Whether the images are digits, which mean nothing from the other side."""
        return self.source in ("digits", "gallery", "tfds:mnist")

    @property
    def may_be_flipped(self) -> bool:
        """Whether images likely mean the same from the other side."""
        return self.source == "fashion" or self.shape[-1] == 3

    def augmentation(self, hp: HyperParameters) -> dict[str, Any]:
        """Declares how images are augmented.

        Args:
            hp: `keras_tuner.HyperParameters`.

        Returns:
            Dict of values by name, which `augmented` takes as a namespace.
        """
        values = {
            "flip": hp.Fixed("flip", False)
            if self.has_digits
            else hp.Boolean("flip", default=self.may_be_flipped),
            "shift": hp.Float("shift", 0.0, 4.0, default=0.7 if self.is_small else 1.0),
            "rotation": hp.Float("rotation", 0.0, 20.0, default=10.0),
            "zoom": hp.Float("zoom", 0.0, 0.2, default=0.1),
            "shear": hp.Float("shear", 0.0, 0.2, default=0.1),
            "cutout": hp.Float("cutout", 0.0, 0.5, default=0.0),
            "mixing": "none",
        }
        if self.mixes:
            values["mixing"] = hp.Choice("mixing", ["none", "mixup", "cutmix"])
            with hp.conditional_scope("mixing", ["mixup", "cutmix"]):
                values["mixing_alpha"] = hp.Float(
                    "mixing_alpha", 0.1, 2.0, sampling="log", default=0.2
                )
        if self.white == 1 and self.shape[-1] in (1, 3):
            values["operations"] = hp.Int("operations", 0, 3, default=0)
            with hp.conditional_scope("operations", [1, 2, 3]):
                values["strength"] = hp.Float("strength", 0.1, 0.9, default=0.3)
        return values

    def training(
        self, hp: HyperParameters, lowest: float = 1e-3, rate: float = 1e-2
    ) -> dict[str, Any]:
        """Declares how a network is trained.

        Args:
            hp: `keras_tuner.HyperParameters`.
            lowest: Float. The lowest learning rate. Defaults to `0.001`.
            rate: Float. The learning rate by default. Defaults to `0.01`.

        Returns:
            Dict of values by name.
        """
        return {
            "batch_size": hp.Choice(
                "batch_size", [16, 32, 64], default=16 if self.has_few else 32
            ),
            "learning_rate": hp.Float(
                "learning_rate", lowest, 3e-2, sampling="log", default=rate
            ),
            "weight_decay": hp.Float(
                "weight_decay", 1e-3, 0.3, sampling="log", default=0.1
            ),
            "patience": hp.Int("patience", 5, 30, default=30 if self.has_few else 10),
        }

    def augmented(self, p: SimpleNamespace) -> Sequence[Callable[..., Any]]:
        """Returns the functions of `kdl.data.Batches` that augment images."""
        augment = [RandomAffine(p.shift, p.rotation, p.zoom, p.shear)]
        if p.flip:
            augment.insert(0, RandomFlip())
        if getattr(p, "operations", 0):
            augment.append(RandAugment(p.operations, p.strength))
        if p.cutout:
            augment.append(Cutout(p.cutout))
        if p.mixing != "none":
            mix = {"mixup": MixUp, "cutmix": CutMix}[p.mixing]
            augment.append(mix(len(self.classes), p.mixing_alpha))
        return augment

    def batches(
        self, p: SimpleNamespace, x: Arrays, y: Arrays, **options: Any
    ) -> Batches:
        return super().batches(p, x, y, augment=self.augmented(p), **options)

    def averaged(
        self,
        model: keras.Model,
        count: int = 2,
        hp: Mapping[str, Any] | None = None,
        merge: Literal["probabilities", "logits"] = "probabilities",
    ) -> Variants:
        p = self.values_of(hp)
        # Without augmentation in the training, they have no values.
        flips = bool(getattr(p, "flip", False))
        moves = [getattr(p, name, 0) or 0 for name in _MOVES]
        if not flips and not any(moves):
            raise ValueError(
                "The training augments no images, by flips or moves: there are no "
                "variants of one to average over."
            )

        def augment(number):
            # Every other one is a mirror image, the first of them of the image itself.
            if flips and number % 2:
                yield RandomFlip(1.0)
            if any(moves) and (not flips or number > 1):
                yield RandomAffine(*moves)

        are_logits = scores_of(model) != PROBABILITIES
        return Variants(model, augment, count, are_logits=are_logits, merge=merge)

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        return with_files(raw, class_rows(self.classes, outputs))

    def examine(self, model: keras.Model) -> dict[str, Any]:
        x, y = self.encode(self.splits.test)
        found = np.argmax(predicted(model, x), axis=-1)
        figure = confusion_figure(y, found, self.splits.classes, title="Test set")
        return {"confusion_matrix.png": figure}
