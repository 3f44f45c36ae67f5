"""Classify images, such as handwritten digits."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import keras
import keras_tuner

from kdl import spaces
from kdl.data.sources.load import check_source
from kdl.data.splits import Splits, labelled_images
from kdl.recipes.classes import class_scores
from kdl.recipes.vision.image_classifier import ImageClassifier
from kdl.recipes.vision.networks import DEEP, FAMILIES, ORDERED, network
from kdl.recipes.vision.noisy_student import (
    unlabelled_images,
    with_pseudo_labels,
)
from kdl.schedules import Warmup
from kdl.typing import Arrays, HyperParameters

_PLAIN = 32  # Pixels a side up to which the plain network is the best.
_PENALTIES = {
    "choices": ["elastic_net", "max_norm"],
    "alpha": (1e-6, 1e-2, 1e-5),
    "max_value": (0.5, 4.0, 2.0),
    "strength": (1e-3, 1.0, 0.1),
}


class Images(ImageClassifier):
    """Classifies images by a network of one of several families.

    Size and channels of the images, and the names of the classes, are those of the
    source. The family is a hyperparameter: by default a plain convolutional network
    for images of up to 32 pixels a side, and a residual network for larger ones. So is
    how images are augmented: moved, flipped (by default those in colour, and clothes;
    digits never), changed by RandAugment, cut out, and mixed with others.

    With images without labels, `unlabelled`, a noisy student learns: a teacher learns
    the images with labels, and labels the others where it is sure; then a student, made
    as the teacher, learns both, augmented and with whatever is dropped. It may be the
    teacher of another one.

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
        unlabelled: Optional. Images without labels, as `source`, of which the labels do
            not count, or `"images:DIR"`, a folder with images anywhere in it. Defaults
            to `None`.

    Example:

    >>> recipe = kdl.recipes.Images("gallery")
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    >>> rows = recipe.predict(model, recipe.splits.test[0][:3])

    References:
        - [Xie et al., 2020](https://arxiv.org/abs/1911.04252), noisy student
    """

    default_source = "digits"
    # Not `val_loss`: it counts the penalty, which the search could just turn off.
    objective = keras_tuner.Objective("val_crossentropy", "min")
    epochs = 30
    capacity: tuple[str, ...] = ("filters", "depth", "units")
    regularization: tuple[str, ...] = (
        *("rate", "depth_rate", "smoothing", "weight_decay", "regularizer"),
        *ImageClassifier.regularization,
    )
    extras = {"unlabelled": "images without labels, from which a student learns, too"}
    meanings = {
        "strategy": "whether a student learns from a teacher's labels as well",
        "confidence": "least probability of the class that a teacher is sure of",
        "students": "students that learn one after the other, each from the last",
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
        "smoothing": "share of each target that goes to all classes alike",
        **spaces.regularizer.meanings,
    }

    # How many images of each class the teachers of the last fit have labelled.
    _labelled = ()

    def take(self, extras: dict[str, Any]) -> None:
        super().take(extras)
        if self.unlabelled is not None:
            check_source(self.unlabelled, "unlabelled")

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        is_small = self.is_small
        default = "cnn" if max(self.shape[:2]) <= _PLAIN else "resnet"
        most = 32 if is_small else 64
        p = SimpleNamespace(
            family=hp.Choice("family", list(FAMILIES), default=default),
            # Of few pixels, more filters cost more than they find.
            filters=hp.Int("filters", 8, most, step=8, default=32 if is_small else 24),
            depth=hp.Int("depth", 1, 3, default=1),
            normalization=hp.Choice(
                "normalization", ["batch", "layer", "group", "none"]
            ),
            activation=hp.Choice("activation", ["relu", "swish", "gelu"]),
            rate=hp.Float("rate", 0.0, 0.8, default=0.4 if is_small else 0.2),
            rate_warmup=hp.Int("rate_warmup", 0, 20, default=0),
            penalty_warmup=hp.Int("penalty_warmup", 0, 20, default=0),
            **self.augmentation(hp),
            smoothing=hp.Float("smoothing", 0.0, 0.2, default=0.0),
            **self.training(hp),
        )
        if self.unlabelled is not None:
            p.strategy = hp.Choice("strategy", ["noisy_student", "supervised"])
            with hp.conditional_scope("strategy", ["noisy_student"]):
                p.confidence = hp.Float("confidence", 0.0, 0.99, default=0.9)
                p.students = hp.Int("students", 1, 3, default=1)
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

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        penalty = spaces.regularizer(
            hp,
            schedule=lambda strength: self._warmup(p, strength, p.penalty_warmup),
            **_PENALTIES,
        )
        rate = self._warmup(p, p.rate, p.rate_warmup)
        model = network(p, self.shape, len(self.classes), rate, penalty)
        optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        scores = class_scores(
            p.smoothing, are_shares=p.mixing != "none" or self.unlabelled is not None
        )
        model.compile(optimizer, **scores)
        return model

    def check(self, splits: Splits) -> Splits:
        labelled_images(splits)
        if self.unlabelled is not None:
            # Those that do not fit are refused before anything is trained.
            x = splits.train[0]
            self._images_without_labels = unlabelled_images(
                x, self.unlabelled, self.seed
            )
        return splits

    def fit(
        self,
        hp: HyperParameters,
        model: keras.Model,
        x: Arrays,
        y: Arrays,
        *,
        sample_weight: Arrays | None = None,
        epochs: int | None = None,
        seed: int = 0,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Fits a model, as a student if the strategy is so.

        Its teachers are trained first, and again where a fit goes on that was cut off.
        """
        p, data, self._labelled = self.space(hp), (x, y, sample_weight), []
        kwargs |= {"epochs": epochs, "seed": seed}
        if getattr(p, "strategy", None) == "noisy_student":
            for _ in range(p.students):
                teacher = self.build(hp)
                alone = {**kwargs, "initial_epoch": 0, "verbose": 0}
                self._fit(hp, teacher, data, **alone)
                *data, counts = with_pseudo_labels(
                    teacher,
                    *(x, y, sample_weight, self._images_without_labels),
                    len(self.classes),
                    p.confidence,
                )
                self._labelled.append(counts)
        return self._fit(hp, model, data, callbacks=callbacks, **kwargs)

    def _fit(self, hp, model, data, **kwargs):
        x, y, sample_weight = data
        return super().fit(hp, model, x, y, sample_weight=sample_weight, **kwargs)

    def examine(self, model: keras.Model) -> dict[str, Any]:
        rows = [
            {"student": n, "class": name, "labelled": int(count)}
            for n, counts in enumerate(self._labelled, 1)
            for name, count in zip(self.classes, counts, strict=True)
        ]
        return {
            **super().examine(model),
            **({"pseudo_labels.csv": rows} if rows else {}),
        }

    def _warmup(self, p, value, epochs):
        """A number that grows from zero to a value, in epochs of the source."""
        steps = epochs * (len(self.splits.train[0]) // p.batch_size)
        return Warmup(value, steps) if steps else value
