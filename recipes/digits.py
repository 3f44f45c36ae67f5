"""Classify small images, such as handwritten digits."""

import functools
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
from keras import layers

from kdl import spaces
from kdl.callbacks import EarlyStopping, Resume
from kdl.callbacks.prediction_figures import confusion_figure
from kdl.checks import check_integer
from kdl.data import Batches, RandomAffine, load
from kdl.data.load import check_source
from kdl.data.splits import labelled_images
from kdl.layers import Clock, DropConnectDense, Dropout
from kdl.recipes.training_data import check_training_data
from kdl.schedules import OneCycle, Warmup

_PENALTIES = {
    "choices": ["elastic_net", "max_norm"],
    "alpha": (1e-6, 1e-2, 1e-5),
    "max_value": (0.5, 4.0, 2.0),
    "strength": (1e-3, 1.0, 0.1),
}


class Digits(keras_tuner.HyperModel):
    """Convolutional network for small images, such as handwritten digits.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"digits"`, `"gallery"`,
            `"tfds:NAME"` or a `kdl.data.Splits` of images of shape
            `(examples, height, width, channels)` and integer labels. Loaded when it
            is first needed. Defaults to `"digits"`.
        seed: Integer in `[0, 2**32)`. Draws the splits of the source. Defaults to
            `0`.

    Example:

    >>> recipe = kdl.recipes.Digits("gallery")
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    """

    # Not `val_loss`: it counts the penalty, which the search could just turn off.
    objective = keras_tuner.Objective("val_crossentropy", "min")
    epochs = 30

    def __init__(self, source="digits", seed=0):
        super().__init__(name="digits")
        self.source = check_source(source)
        self.seed = check_integer("seed", seed, "[0, 4294967296)")

    @functools.cached_property
    def splits(self):
        """`kdl.data.Splits` of the source."""
        return labelled_images(load(self.source, self.seed))

    def data(self):
        """Keyword arguments of `model.fit`: the training and the validation set."""
        x, y = self.splits.train
        return {"x": x, "y": y, "validation_data": self.splits.validation}

    def test_data(self):
        """Keyword arguments of `model.evaluate`: the test set."""
        x, y = self.splits.test
        return {"x": x, "y": y}

    def space(self, hp):
        """The whole search space. Its defaults are the recipe."""
        p = SimpleNamespace(
            filters=hp.Int("filters", 16, 64, step=16, default=32),
            units=hp.Int("units", 32, 256, step=2, sampling="log", default=128),
            drop=hp.Choice("drop", ["units", "connections"]),
            rate=hp.Float("rate", 0.0, 0.8, default=0.4),
            # Epochs over which the rate and the penalty grow from zero.
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
        inputs = keras.Input(np.shape(self.splits.train[0])[1:])
        x = Clock(name="clock")(inputs)
        x = self._convolution(x, p.filters)
        x = self._convolution(x, p.filters)
        x = layers.MaxPooling2D(data_format="channels_last")(x)
        x = self._convolution(x, 2 * p.filters)
        x = layers.Flatten(data_format="channels_last")(x)
        rate = self._warmup(p, p.rate, p.rate_warmup)
        options = {
            "activation": "relu",
            "kernel_regularizer": spaces.regularizer(
                hp,
                schedule=lambda strength: self._warmup(p, strength, p.penalty_warmup),
                **_PENALTIES,
            ),
        }
        if p.drop == "connections":
            x = DropConnectDense(p.units, rate, **options)(x)
        else:
            x = Dropout(rate)(layers.Dense(p.units, **options)(x))
        # A class may be missing from one of the parts.
        classes = 1 + max(int(np.max(y)) for _, y in self.splits)
        model = keras.Model(inputs, layers.Dense(classes)(x))
        model.compile(
            optimizer=keras.optimizers.AdamW(weight_decay=p.weight_decay),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[
                keras.metrics.SparseCategoricalAccuracy("accuracy"),
                keras.metrics.SparseCategoricalCrossentropy(
                    "crossentropy", from_logits=True
                ),
            ],
        )
        return model

    def _warmup(self, p, value, epochs):
        """A number that grows from zero to a value, in epochs of the source."""
        steps = epochs * (len(self.splits.train[0]) // p.batch_size)
        return Warmup(value, steps) if steps else value

    def _convolution(self, x, filters):
        convolution = layers.Conv2D(
            filters, 3, padding="same", use_bias=False, data_format="channels_last"
        )
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(convolution(x)))

    def fit(
        self,
        hp,
        model,
        x,
        y,
        *,
        sample_weight=None,
        validation_data=None,
        initial_epoch=0,
        epochs=epochs,
        seed=0,
        callbacks=None,
        **kwargs,
    ):
        """Fits a model to arrays, in one cycle from `initial_epoch` to `epochs`.

        The arguments are those of `model.fit`, and `seed`, which draws order and
        augmentation. The batch size is a hyperparameter.
        """
        p = self.space(hp)
        for name in ("batch_size", "shuffle", "validation_split"):
            if name in kwargs:
                raise ValueError(f"The recipe {self.name!r} takes no `{name}` in `fit`")
        check_training_data(model, x, y, validation_data)
        batches = Batches(
            np.asarray(x, "float32"),
            y,
            p.batch_size,
            seed,
            drop_remainder=True,
            augment=[RandomAffine(p.shift, p.rotation, p.zoom, p.shear)],
            epoch=initial_epoch,
            sample_weight=sample_weight,
        )
        # Only now is the length of the cycle known, which has two steps at least.
        steps = max(2, (epochs - initial_epoch) * len(batches))
        model.optimizer.learning_rate = OneCycle(p.learning_rate, steps)
        # A model that has been fitted begins another cycle.
        model.optimizer.iterations.assign(0)
        model.get_layer("clock").batches.assign(0)
        # Ours come first, so that the tuner's checkpoint sees what they changed.
        stop, callbacks = self._stop(p, validation_data), callbacks or []
        for callback in callbacks:
            if isinstance(callback, Resume):
                callback.cover(batches, stop)
        return model.fit(
            batches,
            shuffle=False,
            validation_data=validation_data,
            initial_epoch=initial_epoch,
            epochs=epochs,
            callbacks=[*stop, *callbacks],
            **kwargs,
        )

    def examine(self, model):
        """What a model makes of the test set, as pictures by file name."""
        x, y = self.splits.test
        predicted = np.argmax(model.predict(x, verbose=0), axis=-1)
        figure = confusion_figure(y, predicted, title="Test set")
        return {"confusion_matrix.png": figure}

    def _stop(self, p, validation_data):
        if validation_data is None:
            return []
        stop = EarlyStopping(
            self.objective.name,
            mode=self.objective.direction,
            patience=p.patience,
            restore_best_weights=True,
            verbose=0,
        )
        return [stop]
