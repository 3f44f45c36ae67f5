"""A recipe that writes text.

    kdl run FILE.py             trains it, and leaves the folder runs/NAME-1
    kdl tune FILE.py            searches its hyperparameters
    kdl predict runs/NAME-1 beginnings.txt --recipe FILE.py

Read it from top to bottom. What you will want to change first is the data and `build`.
"""

from types import SimpleNamespace

import keras
import keras_tuner

import kdl


class Template(kdl.recipes.LanguageModel):
    """Recurrent network that predicts text, character by character."""

    # What it learns. For the text in a file of yours, write "text:PATH", or give it on
    # the command line: --data text:PATH.
    default_source = "topics"
    # What early stopping and a search go by.
    objective = keras_tuner.Objective("val_bits_per_character", "min")
    # The longest training. It may stop earlier, see `patience`.
    epochs = 10
    # What `kdl describe FILE.py` says of your hyperparameters.
    meanings = {
        "units": "units of the recurrent network",
        "embedding": "numbers that a character is embedded in",
        "dropout": "probability that a feature is dropped in training",
    }

    def space(self, hp):
        """All hyperparameters. Their defaults are what `kdl run` trains with."""
        return SimpleNamespace(
            # In training the network reads the true characters.
            strategy="teacher_forcing",
            units=hp.Int("units", 64, 512, step=64, default=256),
            embedding=hp.Int("embedding", 16, 128, step=16, default=64),
            dropout=hp.Float("dropout", 0.0, 0.5, default=0.1),
            # The training itself goes by these three.
            batch_size=hp.Choice("batch_size", [32, 64, 128], default=64),
            learning_rate=hp.Float(
                "learning_rate", 5e-4, 3e-2, sampling="log", default=5e-3
            ),
            patience=hp.Int("patience", 3, 30, default=5),
        )

    def build(self, hp):
        """The model, compiled. `learning_rate` is set by the training."""
        p = self.space(hp)
        tokens = keras.Input((None,), dtype="int32")
        decoder = kdl.models.RecurrentDecoder(
            keras.layers.GRUCell(p.units, dropout=p.dropout),
            self.characters.size,  # How many different characters there are.
            p.embedding,
            kdl.models.Feeding(1.0, evaluation="teacher_forcing"),
            mask_zero=True,
            name="decoder",  # By which pictures and predictions find it.
        )
        model = keras.Model(tokens, decoder(tokens))
        model.compile(
            optimizer=keras.optimizers.Adam(global_clipnorm=1.0),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[kdl.metrics.BitsPerToken("bits_per_character")],
        )
        return model
