"""Have a small classifier of images learn from a large one."""

import functools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import keras_tuner
import numpy as np

from kdl.data.splits import Splits, labelled_images
from kdl.models import Student
from kdl.recipes.classes import class_names, class_scores
from kdl.recipes.images import Images
from kdl.recipes.load import load
from kdl.recipes.training.run import run
from kdl.recipes.vision.image_classifier import ImageClassifier
from kdl.recipes.vision.networks import network
from kdl.recipes.vision.sizes import size_table
from kdl.typing import Arrays, HyperParameters


class Distillation(ImageClassifier):
    """Has a small classifier of images, the student, learn from a large one.

    The student is a residual network with few filters. It learns from labels, and from
    the probabilities or the features of a teacher, as `kdl.models.Student` does. With
    `alpha` at 0 it learns from labels alone, which is what distillation has to beat:
    `kdl compare distillation --vary alpha=0,0.9`.

    The teacher is a model of the recipe `images`. Without one, the recipe first trains
    one on the same data, with the defaults of `images`, once for all students.

    `predict` is as of `kdl.recipes.Images`. `examine` draws a confusion matrix of the
    test set, and writes a table that compares student and teacher, if it is at hand:
    parameters, size, accuracy on the test set, and time for a prediction.

    Args:
        source: What to learn, as of `kdl.recipes.Images`. Loaded when it is first
            needed. Defaults to `None`, which is `"fashion"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.
        teacher: Optional. The folder of a run or a search of the recipe `images`, or a
            `keras.Model` of logits, of the same images and classes. Defaults to
            `None`, for one that is trained first.

    Example:

    >>> images = kdl.recipes.Images("gallery")
    >>> teacher, history = kdl.recipes.run(images, **images.data(), epochs=1)
    >>> recipe = kdl.recipes.Distillation("gallery", teacher=teacher)
    >>> student, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)

    References:
        - [Hinton, Vinyals and Dean, 2015](https://arxiv.org/abs/1503.02531)
        - [Tung and Mori, 2019](https://arxiv.org/abs/1907.09682), features
    """

    default_source = "fashion"
    extras = {
        "teacher": "folder of a run of `images`, the model to learn from; without it, "
        "one is trained first"
    }
    # As of `images`, to compare them.
    objective = keras_tuner.Objective("val_crossentropy", "min")
    epochs = 30
    capacity: tuple[str, ...] = ("filters", "depth")
    regularization: tuple[str, ...] = (
        "rate",
        "weight_decay",
        *ImageClassifier.regularization,
    )
    meanings = {
        "filters": "filters of the first stage of the student; later ones have more",
        "depth": "residual blocks of a stage",
        "rate": "probability that a feature before the logits is dropped",
        "alpha": "share of the teacher in what is learned; 0 is labels alone",
        "temperature": "by which logits are divided before they are compared",
        "matching": "what is compared with the teacher",
        "feature_weight": "weight of the features",
    }

    def take(self, extras: dict[str, Any]) -> None:
        super().take(extras)
        self._loaded = None
        if isinstance(self.teacher, (str, Path)):
            self._loaded = _loaded(self.teacher)
        elif not isinstance(self.teacher, keras.Model | None):
            raise ValueError(
                "`teacher` must be the folder of a run of images, a keras.Model, or "
                f"None. Received: teacher={self.teacher!r}"
            )

    def check(self, splits: Splits) -> Splits:
        labelled_images(splits)
        if self.teacher is not None:
            self._check_teacher(splits)
        return splits

    @functools.cached_property
    def _images(self):
        """The recipe that a teacher is trained by."""
        return Images(self.source, self.seed)

    @functools.cached_property
    def teacher_model(self) -> keras.Model:
        """`keras.Model` that is learned from; trained now if there is none."""
        if self.teacher is not None:
            return self._loaded[1] if self._loaded else self.teacher
        model, _ = run(self._images, **self._images.data(), seed=self.seed, verbose=0)
        return model

    def remarks(self, hp: HyperParameters | None = None) -> Iterator[str]:
        alpha = None if hp is None else self.space(hp).alpha
        if self.teacher is None and alpha != 0:
            yield (
                "There is no teacher: one is trained first, of the recipe images in "
                f"{Images.epochs} epochs."
            )
            accuracy = self._images.evaluate(self.teacher_model)
            yield (
                f"The teacher has an accuracy of {accuracy['accuracy']:.4f} on the "
                "test set."
            )

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        p = SimpleNamespace(
            filters=hp.Int("filters", 4, 32, step=4, default=8),
            depth=hp.Int("depth", 1, 3, default=1),
            rate=hp.Float("rate", 0.0, 0.6, default=0.0),
            alpha=hp.Float("alpha", 0.0, 1.0, default=0.9),
            temperature=hp.Float("temperature", 1.0, 20.0, sampling="log", default=4.0),
            matching=hp.Choice("matching", ["targets", "features", "both"]),
            feature_weight=0.0,
            **self.augmentation(hp),
            **self.training(hp),
        )
        with hp.conditional_scope("matching", ["features", "both"]):
            weight = hp.Float(
                "feature_weight", 1.0, 100.0, sampling="log", default=20.0
            )
            if p.matching != "targets":
                p.feature_weight = weight
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        parts = SimpleNamespace(
            family="resnet",
            normalization="batch",
            activation="relu",
            depth_rate=0.0,
            **vars(p),
        )
        small = network(parts, self.shape, len(self.classes), p.rate, None)
        model = Student(
            small.input,
            small.output,
            p.alpha,
            p.temperature,
            p.matching,
            p.feature_weight,
            name="student",
        )
        optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        model.compile(optimizer, **class_scores(are_shares=p.mixing != "none"))
        return model

    def fit(
        self,
        hp: HyperParameters,
        model: keras.Model,
        x: Arrays,
        y: Arrays,
        *,
        epochs: int | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        # Only now, since a search builds models that it does not train.
        if model.alpha != 0 and not model.has_teacher:
            model.learn_from(self.teacher_model)
        return super().fit(hp, model, x, y, epochs=epochs, seed=seed, **kwargs)

    def examine(self, model: keras.Model) -> dict[str, Any]:
        models = {"student": model}
        if self.teacher is not None or "teacher_model" in vars(self):
            models["teacher"] = self.teacher_model
        x, y = self.encode(self.splits.test)
        return {**super().examine(model), "sizes.csv": size_table(models, x, y)}

    def _check_teacher(self, splits):
        """Refuses a teacher of images or classes that are not those of the data."""
        model, known = self.teacher_model, None
        if self._loaded:
            known = self._loaded[0].classes
        shape, classes = np.shape(splits.train[0])[1:], class_names(splits)
        count = len(classes)
        there = model.input_shape[1:], *model.output_shape[1:]
        if there != (shape, count):
            raise ValueError(
                f"`teacher` must be a model from images of shape {shape} to logits of "
                f"{count} classes, as the data are. Received: a model from {there[0]} "
                f"to {there[1:]}"
            )
        if known not in (None, classes):
            raise ValueError(
                "`teacher` must know the classes of the data, in their order: "
                f"{', '.join(map(repr, classes))}. Received: a model of "
                f"{', '.join(map(repr, known))}"
            )


def _loaded(folder):
    """Recipe and model of a folder, provided they tell classes of images."""
    recipe, model = load(folder)
    if not isinstance(recipe, ImageClassifier) or not recipe.scores_classes:
        raise ValueError(
            "`teacher` must be the folder of a run of the recipe images. Received: "
            f"{folder}, of the recipe {recipe.name}"
        )
    return recipe, model
