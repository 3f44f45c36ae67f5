"""Classify images by what a model has learned from others."""

import contextlib
import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import keras
import keras_tuner
import numpy as np

from kdl.callbacks import GradualUnfreezing, Resume
from kdl.callbacks.log_numbers import optimizers_of
from kdl.data import Batches
from kdl.data.splits import Splits, labelled_images
from kdl.optimizers import ControlledOptimizer
from kdl.private import layers_of
from kdl.recipes.classes import class_scores
from kdl.recipes.images import Images
from kdl.recipes.reading.from_disk import evaluated, predicted
from kdl.recipes.training.run import run
from kdl.recipes.training.training_data import check_training_data
from kdl.recipes.vision.backbones.backbone import Origin, check_backbone, fitted, origin
from kdl.recipes.vision.backbones.few_labels import (
    LEARNED,
    few_clothes,
    few_digits,
    learned_clothes,
)
from kdl.recipes.vision.backbones.shallow import (
    CLASSIFIERS,
    add_shallow,
    add_standardized,
    calibrate,
    fit_shallow,
)
from kdl.recipes.vision.image_classifier import ImageClassifier
from kdl.typing import Arrays, HyperParameters

STRATEGIES = "features", "head", "fine_tuning", "scratch"
_BY_GRADIENT = ["head", "fine_tuning", "scratch"]
_HEAD = "head_.*"
_EPOCHS = 20  # Of the backbone that comes without one.
_FEW = 20  # Labels of a class, of which the head alone is trained first.


class Transfer(ImageClassifier):
    """Classifies images by a network that has learned from others, the backbone.

    Its `strategy` is a hyperparameter:

    - `"features"`: the backbone stays as it is, and a classifier of scikit-learn is
      fitted to the means of its feature maps. What is saved is a Keras model all the
      same, with probabilities that fit the validation set.
    - `"head"`: the backbone stays as it is, and a new dense layer is trained on it.
    - `"fine_tuning"`: the same at first; then the layers of the backbone thaw, group by
      group from the last on, each at a lower rate than the one after it.
    - `"scratch"`: the network of the backbone is trained with weights drawn anew, to
      compare.

    Without a backbone, it trains its own first, in about a minute: a small residual
    network on five classes of clothes. They are not among those of the default source.

    Args:
        source: What to learn, as `kdl.data.load` takes it, images with one label each;
            or `"few_clothes"`, the five other classes, or `"few_digits"`, digits as
            large as these, both with 50 labels of each class. Loaded when it is first
            needed. Defaults to `None`, which is `"few_clothes"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.
        backbone: Optional. As of `kdl.recipes.backbone`: a folder, a `.keras` file,
            `"keras.applications:NAME"` or a `keras.Model`.

    Example:

    >>> network = kdl.models.resnet((8, 8, 1), 10, (8, 16), depth=1, stem="small")
    >>> recipe = kdl.recipes.Transfer("gallery", backbone=network)
    >>> model, history = kdl.recipes.run(
    ...     recipe, **recipe.data(), hp={"strategy": "features"}
    ... )
    >>> rows = recipe.predict(model, recipe.splits.test[0][:3])

    References:
        - [Yosinski et al., 2014](https://arxiv.org/abs/1411.1792)
        - [Howard and Ruder, 2018](https://arxiv.org/abs/1801.06146), gradual unfreezing
    """

    default_source = "few_clothes"
    sources = {"few_clothes": few_clothes, "few_digits": few_digits}
    extras = {
        "backbone": "the model to go on from: the folder of a run of a recipe of "
        "images, a .keras file, or keras.applications:NAME"
    }
    objective = keras_tuner.Objective("val_crossentropy", "min")
    epochs = 30
    regularization: tuple[str, ...] = (
        "rate",
        "weight_decay",
        *ImageClassifier.regularization,
    )
    meanings = {
        "strategy": "what of the backbone is trained: nothing, below a classifier of "
        "scikit-learn (features) or a dense layer (head), everything in turn "
        "(fine_tuning), or everything from random weights (scratch)",
        "classifier": "classifier of scikit-learn on the features",
        "C": "how closely the classifier follows its examples, as in scikit-learn",
        "gamma": "narrowness of the kernel, times the number of features",
        "neighbors": "nearest examples that vote",
        "groups": "groups of layers of the backbone that thaw one after the other",
        "every": "epochs from one thaw to the next",
        "decay": "by how much the rate falls from one group to the one before it",
        "freeze_statistics": "whether batch normalization stays as it is, rather than "
        "following the batches once its group thaws",
        "rate": "probability that a feature is dropped before the dense layer",
    }

    def take(self, extras: dict[str, Any]) -> None:
        super().take(extras)
        if self.backbone is not None:
            check_backbone(self.backbone)

    def check(self, splits: Splits) -> Splits:
        labelled_images(splits)
        if self.backbone is not None:
            # Whether it takes these images is said before anything is trained.
            fitted(self.origin, np.shape(splits.train[0])[1:], keep=False)
        return splits

    @property
    def has_digits(self) -> bool:
        return self.source == "few_digits" or super().has_digits

    @property
    def may_be_flipped(self) -> bool:
        return self.source == "few_clothes" or super().may_be_flipped

    @functools.cached_property
    def origin(self) -> Origin:
        """The backbone that is given, or one that has learned five other classes."""
        if self.backbone is not None:
            return origin(self.backbone)
        recipe = Images(learned_clothes())
        with _seeded(self.seed):
            model, _ = run(
                recipe, **recipe.data(), epochs=_EPOCHS, seed=self.seed, verbose=0
            )
        return Origin(model)

    @functools.cached_property
    def _network(self):
        """The backbone as it is to be drawn anew, which need not have learned."""
        if self.backbone is not None:
            return self.origin
        return Origin(Images(learned_clothes()).build(keras_tuner.HyperParameters()))

    def remarks(self, hp: HyperParameters | None = None) -> Iterator[str]:
        strategy = None if hp is None else self.space(hp).strategy
        known = self._network
        if strategy != "scratch":
            if self.backbone is None and "origin" not in vars(self):
                names = ", ".join(LEARNED[:-1])
                yield (
                    f"There is no backbone: one learns {names} and {LEARNED[-1]} of "
                    "Fashion-MNIST first, in about a minute."
                )
            known = self.origin
        _, lines = fitted(known, self.shape, keep=False)
        for line in lines:
            yield f"For the backbone, images {line}."
        yield self._advice()

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        p = SimpleNamespace(
            strategy=hp.Choice("strategy", list(STRATEGIES), default="fine_tuning")
        )
        # With another strategy, or another classifier, they are `None`.
        with hp.conditional_scope("strategy", ["features"]):
            p.classifier = hp.Choice("classifier", list(CLASSIFIERS))
            with hp.conditional_scope("classifier", ["logistic_regression", "svm"]):
                p.C = hp.Float("C", 1e-3, 1e3, sampling="log", default=1.0)
            with hp.conditional_scope("classifier", ["svm"]):
                p.gamma = hp.Float("gamma", 0.01, 10.0, sampling="log", default=1.0)
            with hp.conditional_scope("classifier", ["nearest_neighbors"]):
                p.neighbors = hp.Int("neighbors", 1, 30, default=5)
        with hp.conditional_scope("strategy", ["fine_tuning"]):
            p.groups = hp.Int("groups", 1, 6, default=3)
            p.every = hp.Int("every", 1, 10, default=2)
            p.decay = hp.Float("decay", 1.0, 5.0, default=2.6)
            p.freeze_statistics = hp.Boolean("freeze_statistics", default=True)
        with hp.conditional_scope("strategy", _BY_GRADIENT):
            p.rate = hp.Float("rate", 0.0, 0.8, default=0.2)
            vars(p).update(self.augmentation(hp))
            vars(p).update(self.training(hp, lowest=1e-4, rate=3e-3))
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        is_new = p.strategy == "scratch"
        known = self._network if is_new else self.origin
        # The recipe has images as the source has them, up to white.
        known = dataclasses.replace(known, kernel=known.kernel / self.white)
        part, _ = fitted(known, self.shape, keep=not is_new)
        classes = len(self.classes)
        if p.strategy in ("features", "head"):
            part.trainable = False
        elif p.freeze_statistics:
            for layer in layers_of(part):
                if isinstance(layer, keras.layers.BatchNormalization):
                    # It normalizes as in inference then.
                    layer.trainable = False
        x = keras.layers.GlobalAveragePooling2D(
            data_format="channels_last", name="head_pooling"
        )(part.output)
        x = add_standardized(x, is_trained=p.strategy != "features")
        if p.strategy == "features":
            # As many as there are where folds take turns.
            most = sum(len(y) for _, y in self.splits[:2])
            outputs = add_shallow(x, p, classes, most)
            # Keras wants one, which has nothing to do.
            optimizer = keras.optimizers.SGD(0.0)
        else:
            x = keras.layers.Dropout(p.rate, name="head_dropout")(x)
            outputs = keras.layers.Dense(
                classes, dtype=keras.config.floatx(), name="head_logits"
            )(x)
            optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        model = keras.Model(part.input, outputs, name="transfer")
        if p.strategy == "fine_tuning":
            unfreezing = _unfreezing(p, [_HEAD, *_groups(part, p.groups)])
            optimizer = ControlledOptimizer(optimizer, unfreezing.multipliers)
        mixing = p.mixing or "none"
        model.compile(optimizer, **class_scores(are_shares=mixing != "none"))
        return model

    def callbacks(
        self, p: SimpleNamespace, batches: Batches, epochs: int
    ) -> Iterable[keras.callbacks.Callback]:
        if p.strategy != "fine_tuning":
            return []
        *_, controlled, _ = optimizers_of(self._fitted)
        return [_unfreezing(p, list(controlled.multipliers))]

    def fit(
        self,
        hp: HyperParameters,
        model: keras.Model,
        x: Arrays,
        y: Arrays,
        *,
        epochs: int | None = None,
        seed: int = 0,
        **options: Any,
    ) -> keras.callbacks.History:
        p, options = self.space(hp), {"epochs": epochs, "seed": seed, **options}
        if p.strategy == "features":
            return self._fit_features(p, model, x, y, **options)
        # Which groups thaw is known to the optimizer of the model.
        self._fitted = model
        return super().fit(hp, model, x, y, **options)

    def _fit_features(
        self,
        p,
        model,
        x,
        y,
        *,
        sample_weight=None,
        validation_data=None,
        initial_epoch=0,
        epochs=None,
        seed=0,
        callbacks=None,
        **kwargs,
    ):
        """Fits the classifier at once, which is one epoch to the callbacks."""
        self.check_options(kwargs)
        check_training_data(model, x, y, validation_data)
        history = keras.callbacks.History()
        # There is nothing to take up where it was left.
        heard = [one for one in callbacks or [] if not isinstance(one, Resume)]
        heard = keras.callbacks.CallbackList(
            [*heard, history], model=model, epochs=initial_epoch + 1, steps=1, verbose=0
        )
        model.stop_training = False
        heard.on_train_begin()
        heard.on_epoch_begin(initial_epoch)
        pooled = keras.Model(model.input, model.get_layer("head_pooling").output)
        fit_shallow(model, p, predicted(pooled, x), np.asarray(y), sample_weight)
        logs = evaluated(model, x, y)
        if validation_data is not None:
            seen, labels, *_ = validation_data
            calibrate(model, predicted(model, seen), np.asarray(labels))
            scores = evaluated(model, seen, labels)
            logs |= {f"val_{name}": score for name, score in scores.items()}
        heard.on_epoch_end(initial_epoch, logs)
        heard.on_train_end(logs)
        return history

    def _advice(self):
        """What to try first, by benchmarks/evidence/transfer.py."""
        counts = np.bincount(np.asarray(self.splits.train[1]))
        count = int(np.median(counts[counts > 0]))
        if count < _FEW:
            advice = (
                "begin with strategy=head if the backbone has learned something alike, "
                "and compare fine_tuning"
            )
        else:
            advice = (
                "begin with strategy=fine_tuning, and compare scratch, which a frozen "
                "backbone (head, features) did not beat at 50"
            )
        return f"{count} label{'s' if count > 1 else ''} a class: {advice}."


def _unfreezing(p, groups):
    return GradualUnfreezing(groups, p.every, p.decay)


def _groups(part, count):
    """Patterns for the layers of a backbone in groups, the last one first."""
    layers = [layer for layer in part.layers if layer.trainable_weights]
    some = np.array_split(np.arange(len(layers)), min(count, len(layers)))
    return [
        "|".join(f"{re.escape(layers[n].name)}/.*" for n in group)
        for group in reversed(some)
    ]


@contextlib.contextmanager
def _seeded(seed):
    """Draws from a seed for a while, and then from one that was drawn before."""
    after = int(keras.ops.convert_to_numpy(keras.random.randint((), 0, 2**31 - 1)))
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        keras.utils.set_random_seed(after)
