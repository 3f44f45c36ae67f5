"""A recipe that classifies images.

    kdl run FILE.py             trains it, and leaves the folder runs/NAME-1
    kdl tune FILE.py            searches its hyperparameters
    kdl predict runs/NAME-1 photo.png --recipe FILE.py

Read it from top to bottom. What you will want to change first is the data and `build`.
"""

from types import SimpleNamespace

import keras
import keras_tuner

import kdl


class Template(kdl.recipes.Images):
    """Convolutional network that classifies images."""

    # What it learns. For other data, write a name that `kdl.data.load` takes, or give
    # it on the command line: --data gallery. For arrays of yours, write a function
    # that returns `kdl.data.Splits`, and name it here:
    #     sources = {"mine": my_splits}  # A function of a seed.
    #     default_source = "mine"
    default_source = "digits"
    # What early stopping and a search go by.
    objective = keras_tuner.Objective("val_accuracy", "max")
    # The longest training. It may stop earlier, see `patience`.
    epochs = 15
    # What `kdl describe FILE.py` says of your hyperparameters.
    meanings = {
        "filters": "filters of the first convolution; each further one has twice them",
        "blocks": "number of convolutions",
        "dropout": "probability that a feature is dropped in training",
        "shift": "farthest that images are moved in training, in pixels",
    }

    def space(self, hp):
        """All hyperparameters. Their defaults are what `kdl run` trains with."""
        return SimpleNamespace(
            filters=hp.Int("filters", 8, 64, step=8, default=16),
            blocks=hp.Int("blocks", 1, 3, default=2),
            dropout=hp.Float("dropout", 0.0, 0.6, default=0.3),
            shift=hp.Float("shift", 0.0, 2.0, default=0.5),
            # The training itself goes by these three.
            batch_size=hp.Choice("batch_size", [16, 32, 64], default=32),
            learning_rate=hp.Float(
                "learning_rate", 1e-3, 3e-2, sampling="log", default=5e-3
            ),
            patience=hp.Int("patience", 3, 20, default=8),
        )

    def build(self, hp):
        """The model, compiled. `learning_rate` is set by the training."""
        p = self.space(hp)
        inputs = keras.Input(self.shape)  # Height, width and channels of the data.
        x = inputs
        for block in range(p.blocks):
            filters = p.filters * 2**block
            x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = keras.layers.BatchNormalization(momentum=0.9)(x)
            x = keras.layers.ReLU()(x)
            x = keras.layers.MaxPooling2D(padding="same")(x)
        x = keras.layers.Dropout(p.dropout)(keras.layers.Flatten()(x))
        model = keras.Model(inputs, keras.layers.Dense(len(self.classes))(x))
        model.compile(
            optimizer="adam",
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        )
        return model

    def batches(self, p, x, y, **options):
        """What a training step gets. Take out `augment` to leave images as they are."""
        augment = [kdl.data.RandomAffine(shift=p.shift)]
        return kdl.data.Batches(x, y, p.batch_size, augment=augment, **options)
