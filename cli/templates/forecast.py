"""A recipe that forecasts a series, many steps at once.

    kdl run FILE.py             trains it, and leaves the folder runs/NAME-1
    kdl tune FILE.py            searches its hyperparameters
    kdl predict runs/NAME-1 past.npy --recipe FILE.py

Read it from top to bottom. What you will want to change first is the data and `build`.
"""

import functools
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np

import kdl


class Template(kdl.recipes.Recipe):
    """Recurrent network that forecasts all steps at once."""

    # What it learns: windows of a series, arrays of shapes (windows, history, features)
    # and (windows, horizon, features), scaled to about mean 0 and variance 1. For
    # arrays of yours, write a function that returns `kdl.data.Splits`, and name it:
    #     sources = {"mine": my_splits}  # A function of a seed.
    #     default_source = "mine"
    default_source = "mackey_glass"
    # What early stopping and a search go by.
    objective = keras_tuner.Objective("val_mae", "min")
    # The longest training. It may stop earlier, see `patience`.
    epochs = 15
    # What `kdl describe FILE.py` says of your hyperparameters.
    meanings = {
        "units": "units of the recurrent network",
        "dropout": "probability that a feature is dropped in training",
    }
    # What a prediction needs besides the model.
    kept = ("shape",)

    @functools.cached_property
    def shape(self):
        """Steps and features of a forecast."""
        return list(np.shape(self.splits.train[1])[1:])

    def space(self, hp):
        """All hyperparameters. Their defaults are what `kdl run` trains with."""
        return SimpleNamespace(
            units=hp.Int("units", 16, 128, step=16, default=64),
            dropout=hp.Float("dropout", 0.0, 0.5, default=0.0),
            # The training itself goes by these three.
            batch_size=hp.Choice("batch_size", [32, 64, 128], default=64),
            learning_rate=hp.Float(
                "learning_rate", 1e-3, 3e-2, sampling="log", default=1e-2
            ),
            patience=hp.Int("patience", 3, 30, default=10),
        )

    def build(self, hp):
        """The model, compiled. `learning_rate` is set by the training."""
        p = self.space(hp)
        steps, features = self.shape
        inputs = keras.Input((None, features))
        x = keras.layers.GRU(p.units)(inputs)
        x = keras.layers.Dropout(p.dropout)(x)
        x = keras.layers.Dense(steps * features)(x)
        model = keras.Model(inputs, keras.layers.Reshape((steps, features))(x))
        model.compile(
            optimizer=keras.optimizers.Adam(global_clipnorm=1.0),
            loss="mse",
            metrics=[keras.metrics.MeanAbsoluteError("mae")],
        )
        return model

    def rows(self, raw, outputs):
        """What `kdl predict` writes: a row for each step of each forecast."""
        return [
            {
                "input": index,
                "step": step,
                **{f"feature_{n}": float(value) for n, value in enumerate(values)},
            }
            for index, forecast in enumerate(outputs)
            for step, values in enumerate(forecast, 1)
        ]
