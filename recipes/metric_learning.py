"""Embed images so that those of one class are near each other."""

import functools
from types import SimpleNamespace
from typing import Any, Literal

import keras
import keras_tuner
import numpy as np
from keras import layers

from kdl.data import Batches, Splits, fashion
from kdl.data.on_disk import take
from kdl.data.sources.load import load_to_test
from kdl.data.splits import labelled_images
from kdl.layers import Dropout
from kdl.losses import TripletLoss
from kdl.recipes.classes import class_names
from kdl.recipes.reading.from_disk import predicted
from kdl.recipes.reading.variants import Variants
from kdl.recipes.recipe import Recipe
from kdl.recipes.training.training_data import check_shapes
from kdl.recipes.vision import embeddings
from kdl.recipes.vision.image_classifier import ImageClassifier
from kdl.recipes.vision.image_recipe import with_files
from kdl.recipes.vision.networks import FAMILIES, network
from kdl.typing import Arrays, HyperParameters

# Classes of `fashion` that test, and that training does not see: two pairs that look
# alike.
_UNSEEN = "pullover", "coat", "sandal", "sneaker"
_FEATURES = "network"  # Part of a classifier, whose outputs become embeddings.
_AVERAGED = 100  # Training examples of a class whose mean stands for it.


def unseen_fashion(seed):
    """Returns `kdl.data.fashion`, of which four classes test and six train."""
    splits = fashion()
    unseen = [splits.classes.index(name) for name in _UNSEEN]
    seen, others = [], []
    for x, y in splits:
        is_unseen = np.isin(y, unseen)
        seen.append((x[~is_unseen], y[~is_unseen]))
        others.append((x[is_unseen], y[is_unseen]))
    train, validation, _ = seen
    test = tuple(map(np.concatenate, zip(*others, strict=True)))
    return Splits(train, validation, test, splits.classes)


class MetricLearning(ImageClassifier):
    """Embeds images so that those of one class are near each other.

    An embedding is a list of numbers, of length one as a vector. Distances between
    embeddings also tell classes apart that training has not seen: use it to find
    similar images, to recognize classes of which there are few images, or to sort
    images without labels.

    The loss is `kdl.losses.TripletLoss`, or `"softmax"`: a classifier of the training
    classes, whose last features are the embedding. Batches hold a few images of each
    of several classes.

    Scores look at the nearest other embeddings in the set: `recall_at_1` is the share
    of the images whose nearest one is of their class, which is also called precision at
    1, and `recall_at_5` of those that have one among the nearest five. Images without
    another one of their class do not count. `nmi` tells how well clusters of k-means
    agree with the classes, from 0 to 1. The classes of the test set, and of data for
    `kdl evaluate`, need not be those of the training.

    `predict` takes what `kdl.recipes.Images` takes. A row has the training class whose
    mean is nearest, the distance to it, and the embedding.

    `examine` draws the embeddings of the test set in two dimensions, and some images
    beside their nearest ones, and writes a table of the scores of each class.

    Args:
        source: What to learn, as of `kdl.recipes.Images`, or `"unseen_fashion"`: of the
            clothes of `"fashion"`, six classes train and the other four test. Loaded
            when it is first needed. Defaults to `None`, which is `"unseen_fashion"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.

    Example:

    >>> recipe = kdl.recipes.MetricLearning("gallery")
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    >>> rows = recipe.predict(model, recipe.splits.test[0][:3])

    References:
        - [Schroff, Kalenichenko and Philbin, 2015](https://arxiv.org/abs/1503.03832)
        - [Musgrave, Belongie and Lim, 2020](https://arxiv.org/abs/2003.08505), scores,
          and how little losses differ
    """

    default_source = "unseen_fashion"
    sources = {"unseen_fashion": unseen_fashion}
    objective = keras_tuner.Objective("val_recall_at_1", "max")
    epochs = 12
    capacity: tuple[str, ...] = ("filters", "depth", "size")
    regularization: tuple[str, ...] = (
        "rate",
        "weight_decay",
        *ImageClassifier.regularization,
    )
    scores_classes = False
    combines = False
    mixes = False
    kept: tuple[str, ...] = ("means", "shape", "white")
    meanings = {
        "family": "family of the network, as of kdl.models",
        "filters": "filters of the first stage; the later ones have more",
        "depth": "convolutions or blocks of a stage",
        "normalization": "what is normalized after each convolution",
        "activation": "activation after each convolution",
        "pooling": "whether features keep their places, or are averaged over the image",
        "rate": "probability that a feature before the embedding is dropped",
        "size": "numbers of an embedding",
        "loss": "what is learned by: triplets, or a classifier of the training classes",
        "mining": "which triplets of a batch count",
        "soft_margin": "whether all triplets count, and less where they are right",
        "margin": "how much farther other classes are to be, of distances up to 2",
        "classes_per_batch": "classes of a batch",
        "examples_per_class": "examples of each class in a batch",
    }

    @property
    def may_be_flipped(self) -> bool:
        return self.source == self.default_source or super().may_be_flipped

    @functools.cached_property
    def means(self) -> dict[str, list[float]] | None:
        """Mean embedding of each training class by name, of a model that was loaded."""
        return None

    def test_on(self, source: str | Splits) -> None:
        # Its classes may be few, and others than those of the training.
        vars(self).pop("classes", None)
        self.source = self.check_source(source)
        own = isinstance(source, str) and self.sources.get(source)
        splits = own(self.seed) if own else load_to_test(source, self.seed, None)
        self.splits = labelled_images(splits)

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        count = len(np.unique(self.splits.train[1]))
        p = SimpleNamespace(
            family=hp.Choice(
                "family", list(FAMILIES), default="cnn" if self.is_small else "resnet"
            ),
            filters=hp.Int("filters", 8, 64, step=8, default=24),
            depth=hp.Int("depth", 1, 3, default=1),
            normalization=hp.Choice(
                "normalization", ["batch", "layer", "group", "none"]
            ),
            activation=hp.Choice("activation", ["relu", "swish", "gelu"]),
            pooling=hp.Choice("pooling", ["none", "mean"]),
            rate=hp.Float("rate", 0.0, 0.6, default=0.0),
            size=hp.Int("size", 8, 256, step=2, sampling="log", default=128),
            loss=hp.Choice("loss", ["triplet", "softmax"]),
            **self.augmentation(hp),
            classes_per_batch=hp.Int(
                "classes_per_batch", 2, min(32, count), default=min(8, count)
            ),
            examples_per_class=hp.Int("examples_per_class", 2, 16, default=8),
            learning_rate=hp.Float(
                "learning_rate", 3e-4, 3e-2, sampling="log", default=3e-3
            ),
            weight_decay=hp.Float(
                "weight_decay", 1e-3, 0.3, sampling="log", default=0.1
            ),
            patience=hp.Int("patience", 5, 30, default=10),
        )
        p.batch_size = p.classes_per_batch * p.examples_per_class
        # With another loss, they are `None`.
        with hp.conditional_scope("loss", ["triplet"]):
            p.mining = hp.Choice("mining", ["hard", "semihard"])
            p.soft_margin = hp.Boolean("soft_margin", default=False)
            with hp.conditional_scope("soft_margin", [False]):
                p.margin = hp.Float("margin", 0.05, 1.0, default=0.2)
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        # A new model has means of its own.
        vars(self).pop("means", None)
        parts = SimpleNamespace(order="CBR", depth_rate=0.0, **vars(p))
        images = network(parts, self.shape, None, 0.0, None)
        is_mean = p.pooling == "mean"
        pooling = layers.GlobalAveragePooling2D if is_mean else layers.Flatten
        x = pooling(name="pooling")(images.output)
        if p.rate:
            x = Dropout(p.rate, name="dropout")(x)
        # In float32, whatever the precision of the others.
        x = layers.Dense(p.size, dtype=keras.config.floatx(), name="features")(x)
        optimizer = keras.optimizers.AdamW(weight_decay=p.weight_decay)
        if p.loss == "softmax":
            inputs = keras.Input(self.shape, name="images")
            features = keras.Model(images.input, x, name=_FEATURES)(inputs)
            logits = layers.Dense(
                len(self.classes), dtype=keras.config.floatx(), name="logits"
            )
            model = keras.Model(inputs, logits(features), name=p.family)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(optimizer, loss)
            return model
        x = layers.UnitNormalization(dtype=keras.config.floatx(), name="embedding")(x)
        model = keras.Model(images.input, x, name=p.family)
        margin = None if p.soft_margin else p.margin
        model.compile(optimizer, TripletLoss(margin, p.mining))
        return model

    def batches(
        self, p: SimpleNamespace, x: Arrays, y: Arrays, **options: Any
    ) -> Batches:
        return Batches(
            x,
            y,
            augment=self.augmented(p),
            classes_per_batch=p.classes_per_batch,
            examples_per_class=p.examples_per_class,
            **options,
        )

    deployed = "It returns the embedding of each image, of length one."

    def network(self, model: keras.Model) -> keras.Model:
        if not _is_classifier(model):
            return model
        (inputs,) = model.inputs
        features = model.get_layer(_FEATURES)(inputs)
        return keras.Model(inputs, keras.layers.UnitNormalization()(features))

    def network_data(
        self,
        model: keras.Model,
        part: Literal["train", "validation", "test"],
        count: int,
    ) -> tuple[Any, Any]:
        x, y = super().network_data(model, part, count)
        return x, None if _is_classifier(model) else y

    def scores(self, model: keras.Model, x: Arrays, y: Arrays) -> dict[str, float]:
        return embeddings.recall(np.asarray(y), embedded(model, x))

    def evaluate(self, model: keras.Model | Variants) -> dict[str, float]:
        """Returns recall and NMI on the test set, and the loss of triplets.

        The loss of a classifier says nothing of classes that it has not learned.
        """
        x, y = self._test()
        found = embedded(model, x)
        loss = {} if _is_classifier(model) else super().evaluate(model)
        return {
            **loss,
            **embeddings.recall(y, found),
            "nmi": embeddings.mutual_information(y, found),
        }

    # There is no mean of embeddings of an image and its mirror image.
    averaged = Recipe.averaged

    def outputs(self, model: keras.Model | Variants, raw: Any) -> Any:
        """Returns embedding, nearest training class and its distance for each input."""
        x = self.inputs(raw)
        check_shapes("`raw`", x, model.input_shape)
        means = self.means or self._means(model)
        places = np.array(list(means.values()))
        outputs = []
        for row in embedded(model, x):
            distances = np.linalg.norm(places - row, axis=-1)
            best = int(np.argmin(distances))
            outputs.append((row, list(means)[best], float(distances[best])))
        return outputs

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        rows = [
            {"class": name, "distance": distance, "embedding": row.tolist()}
            for row, name, distance in outputs
        ]
        return with_files(raw, rows)

    def get_state(self, model: keras.Model | None = None) -> dict[str, Any]:
        state = super().get_state(model)
        return state if model is None else {**state, "means": self._means(model)}

    def examine(self, model: keras.Model) -> dict[str, Any]:
        x, y = self._test()
        found, names = embedded(model, x), class_names(self.splits)
        title = "Test set"
        return {
            "embedding.png": embeddings.embedding_figure(y, found, names, title),
            "neighbors.png": embeddings.neighbours_figure(x, y, found, names, title),
            "classes.csv": embeddings.recall_table(y, found, names),
        }

    def _test(self):
        x, y = self.encode(self.splits.test)
        return x, np.asarray(y)

    def _means(self, model):
        """Mean embedding of each training class by name, lists of floats."""
        x, y = self.encode(self.splits.train)
        y = np.asarray(y)
        labels = np.unique(y)
        each = [np.flatnonzero(y == label)[:_AVERAGED] for label in labels]
        rows = np.concatenate(each)
        ends = np.cumsum([len(some) for some in each])[:-1]
        parts = np.split(embedded(model, take(x, rows)), ends)
        return {
            self.classes[label]: part.mean(0).tolist()
            for label, part in zip(labels, parts, strict=True)
        }


def embedded(model, x):
    """Returns embeddings of images, of length one, an array."""
    if not _is_classifier(model):
        return predicted(model, x)
    features = predicted(model.get_layer(_FEATURES), x)
    return features / np.maximum(np.linalg.norm(features, axis=-1, keepdims=True), 1e-9)


def _is_classifier(model):
    """Whether a model was trained to name classes."""
    return _FEATURES in [layer.name for layer in model.layers]
