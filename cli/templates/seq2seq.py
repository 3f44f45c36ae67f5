"""A recipe that rewrites texts.

    kdl run FILE.py             trains it, and leaves the folder runs/NAME-1
    kdl tune FILE.py            searches its hyperparameters
    kdl predict runs/NAME-1 texts.txt --recipe FILE.py

Read it from top to bottom. What you will want to change first is the data and `build`.
"""

from types import SimpleNamespace

import keras
import keras_tuner

import kdl


class Template(kdl.recipes.Seq2Seq):
    """Encoder and decoder that rewrite texts, character by character."""

    # What it learns. For a file of yours, with two texts on each line and a tab
    # between, write "pairs:PATH", or give it on the command line: --data pairs:PATH.
    default_source = "dates"
    # What early stopping and a search go by.
    objective = keras_tuner.Objective("val_token_error_rate", "min")
    # The longest training. It may stop earlier, see `patience`.
    epochs = 15
    # What `kdl describe FILE.py` says of your hyperparameters.
    meanings = {
        "units": "units of the encoder, and of the decoder",
        "embedding": "numbers that a character is embedded in",
    }

    def space(self, hp):
        """All hyperparameters. Their defaults are what `kdl run` trains with."""
        return SimpleNamespace(
            # In training the decoder reads the true characters.
            strategy="teacher_forcing",
            units=hp.Int("units", 32, 256, step=32, default=128),
            embedding=hp.Int("embedding", 8, 64, step=8, default=32),
            # The training itself goes by these three.
            batch_size=hp.Choice("batch_size", [32, 64, 128], default=64),
            learning_rate=hp.Float(
                "learning_rate", 1e-3, 3e-2, sampling="log", default=8e-3
            ),
            patience=hp.Int("patience", 3, 30, default=10),
        )

    def build(self, hp):
        """The model, compiled. `learning_rate` is set by the training."""
        p = self.space(hp)
        # How many different characters are read, and written.
        read, written = (characters.size for characters in self.characters)
        source = keras.Input((None,), dtype="int32", name="source")
        target = keras.Input((None,), dtype="int32", name="target")
        x = keras.layers.Embedding(read, p.embedding, mask_zero=True)(source)
        memory, state = keras.layers.GRU(
            p.units, return_sequences=True, return_state=True
        )(x)
        decoder = kdl.models.RecurrentDecoder(
            keras.layers.GRUCell(p.units),
            written,
            p.embedding,
            # In validation and in use it reads what it has written itself.
            kdl.models.Feeding(1.0, evaluation="free_running"),
            mask_zero=True,
            name="decoder",  # By which pictures and predictions find it.
        )
        outputs = decoder(target, memory=memory, initial_state=state)
        model = keras.Model({"source": source, "target": target}, outputs)
        model.compile(
            optimizer=keras.optimizers.Adam(global_clipnorm=1.0),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[
                kdl.metrics.ExactMatch(ignore_class=0),
                kdl.metrics.TokenErrorRate(ignore_class=0),
            ],
        )
        return model
