"""A recipe that predicts a column of a table.

    kdl run FILE.py --data "csv:table.csv?target=NAME"
    kdl tune FILE.py --data "csv:table.csv?target=NAME"
    kdl predict runs/NAME-1 rows.csv --recipe FILE.py

Read it from top to bottom. What you will want to change first is `build`.
"""

from types import SimpleNamespace

import keras

import kdl


class Template(kdl.recipes.Tabular):
    """Dense network with normalization that predicts a class or a number."""

    # What it learns, unless `--data` says it. To write your file here:
    #     default_source = "csv:table.csv?target=NAME"
    default_source = "penguins"
    # The longest training. It may stop earlier, see `patience`.
    epochs = 40
    # What `kdl describe FILE.py` says of your hyperparameters.
    meanings = {
        "embedding": "numbers that a category is embedded in",
        "bins": "bins of each number",
        "depth": "number of hidden layers",
        "width": "units of a hidden layer",
        "dropout": "probability that a unit is dropped in training",
    }

    def space(self, hp):
        """All hyperparameters. Their defaults are what `kdl run` trains with."""
        return SimpleNamespace(
            embedding=hp.Int("embedding", 2, 32, default=8),
            bins=hp.Int("bins", 4, 32, default=8),
            depth=hp.Int("depth", 1, 4, default=2),
            width=hp.Int("width", 16, 256, step=16, default=64),
            dropout=hp.Float("dropout", 0.0, 0.5, default=0.1),
            # The training itself goes by these three.
            batch_size=hp.Choice("batch_size", [16, 64, 256], default=16),
            learning_rate=hp.Float(
                "learning_rate", 1e-3, 3e-2, sampling="log", default=5e-3
            ),
            patience=hp.Int("patience", 5, 30, default=15),
        )

    def build(self, hp):
        """The model, compiled. `learning_rate` is set by the training."""
        p = self.space(hp)
        # Numbers are scaled, and categories embedded.
        inputs, x = self.features(p.embedding, p.bins)
        for _ in range(p.depth):
            x = keras.layers.Dense(p.width, use_bias=False)(x)
            x = keras.layers.BatchNormalization()(x)
            x = keras.layers.Dropout(p.dropout)(keras.layers.ReLU()(x))
        # The classes or the number, with their loss and metrics.
        return self.finished(inputs, x, "adam")
