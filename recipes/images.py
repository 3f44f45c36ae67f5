"""Classify images, such as handwritten digits."""

from types import SimpleNamespace

import keras
import keras_tuner

from kdl import spaces
from kdl.recipes.classes import class_scores
from kdl.recipes.vision.image_classifier import ImageClassifier
from kdl.recipes.vision.networks import DEEP, FAMILIES, ORDERED, network
from kdl.schedules import Warmup

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
    for images of up to 16 pixels a side, and a residual network for larger ones. So is
    how images are augmented: moved, flipped (by default those in colour, and clothes;
    digits never), changed by RandAugment, cut out, and mixed with others.

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
        "smoothing": "share of each target that goes to all classes alike",
        "weight_decay": "share of the weights that is lost a step, times the rate",
        **spaces.regularizer.meanings,
    }

    def space(self, hp):
        is_small = self.is_small
        default, most = ("cnn", 32) if is_small else ("resnet", 64)
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
            batch_size=hp.Choice(
                "batch_size", [16, 32, 64], default=16 if self.has_few else 32
            ),
            learning_rate=hp.Float(
                "learning_rate", 1e-3, 3e-2, sampling="log", default=1e-2
            ),
            weight_decay=hp.Float(
                "weight_decay", 1e-3, 0.3, sampling="log", default=0.1
            ),
            patience=hp.Int("patience", 5, 30, default=30 if self.has_few else 10),
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
        scores = class_scores(p.smoothing, are_shares=p.mixing != "none")
        model.compile(optimizer, **scores)
        return model

    def _warmup(self, p, value, epochs):
        """A number that grows from zero to a value, in epochs of the source."""
        steps = epochs * (len(self.splits.train[0]) // p.batch_size)
        return Warmup(value, steps) if steps else value
