"""Rewrite texts, such as dates in ISO 8601."""

import functools
import itertools

import keras
import keras_tuner
import numpy as np
from keras import layers

from kdl.checks import check_integer
from kdl.data import Characters, load
from kdl.data.load import check_source
from kdl.layers import Clock
from kdl.metrics import ExactMatch, TokenErrorRate
from kdl.models import RecurrentDecoder
from kdl.recipes import sequences


class Dates(keras_tuner.HyperModel):
    """Encoder and decoder with attention that rewrite texts, such as dates as ISO 8601.

    Both read and write character by character. The decoder is trained by one of the
    strategies `"teacher_forcing"`, `"scheduled_sampling"`, `"always_own"`,
    `"professor_forcing"` and `"curriculum"`, from short texts to long ones. Validation
    and test are free-running, as in use: the decoder is fed its own characters.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"dates"`, `"arithmetic"`,
            `"pairs:PATH"`, a file with two texts on each line and a tab between, or a
            `kdl.data.Splits` of arrays of texts. Loaded when it is first needed.
            Defaults to `"dates"`.
        seed: Integer in `[0, 2**32)`. Draws the source. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.Dates()
    >>> data = recipe.data()
    >>> x = {name: part[:64] for name, part in data["x"].items()}
    >>> model, history = kdl.recipes.run(recipe, x=x, y=data["y"][:64], epochs=1)
    """

    objective = keras_tuner.Objective("val_exact_match", "max")
    epochs = 20
    strategy = "scheduled_sampling"

    def __init__(self, source="dates", seed=0):
        super().__init__(name="dates")
        self.source = check_source(source)
        self.seed = check_integer("seed", seed, "[0, 4294967296)")

    @functools.cached_property
    def splits(self):
        """`kdl.data.Splits` of the source, of texts."""
        return sequences.texts(load(self.source, self.seed))

    @functools.cached_property
    def characters(self):
        """`kdl.data.Characters` of what is read, and of what is written."""
        sides = zip(*self.splits, strict=True)
        return [Characters(itertools.chain(*side)) for side in sides]

    def data(self):
        """Keyword arguments of `model.fit`: the training and the validation set."""
        x, y = self._encoded(self.splits.train)
        return {
            "x": x,
            "y": y,
            "validation_data": self._encoded(self.splits.validation),
        }

    def test_data(self):
        """Keyword arguments of `model.evaluate`: the test set."""
        x, y = self._encoded(self.splits.test)
        return {"x": x, "y": y}

    def _encoded(self, part):
        read, written = (
            characters.encode(texts, max(map(len, itertools.chain(*side))))
            for characters, texts, side in zip(
                self.characters, part, zip(*self.splits, strict=True), strict=True
            )
        )
        return {"source": read, "target": written}, written

    def space(self, hp):
        """The whole search space. Its defaults are the recipe."""
        p = sequences.strategy_space(hp, self.strategy)
        p.units = hp.Int("units", 32, 256, step=2, sampling="log", default=128)
        p.embedding = hp.Int("embedding", 8, 64, step=2, sampling="log", default=32)
        p.dropout = hp.Float("dropout", 0.0, 0.5, default=0.1)
        p.batch_size = hp.Choice("batch_size", [32, 64, 128], default=64)
        p.learning_rate = hp.Float(
            "learning_rate", 1e-3, 3e-2, sampling="log", default=8e-3
        )
        p.patience = hp.Int("patience", 3, 30, default=10)
        return p

    def build(self, hp):
        p = self.space(hp)
        read, written = (characters.size for characters in self.characters)
        inputs = {
            name: keras.Input((None,), dtype="int32", name=name)
            for name in ("source", "target")
        }
        x = Clock(name="clock")(inputs)
        embedded = layers.Embedding(read, p.embedding, mask_zero=True)(x["source"])
        gru = layers.GRU(p.units // 2, return_sequences=True, return_state=True)
        memory, *states = layers.Bidirectional(gru)(embedded)
        memory = layers.Dropout(p.dropout)(memory)
        decoder = RecurrentDecoder(
            layers.GRUCell(p.units),
            written,
            p.embedding,
            evaluation="free_running",
            mask_zero=True,
            name="decoder",
            **sequences.feeding(p),
        )
        outputs = decoder(
            x["target"], memory=memory, initial_state=layers.Concatenate()(states)
        )
        model = keras.Model(inputs, outputs)
        model.compile(
            optimizer=keras.optimizers.Adam(global_clipnorm=1.0),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[
                ExactMatch(ignore_class=0),
                TokenErrorRate(ignore_class=0),
            ],
        )
        return model

    def fit(self, hp, model, x, y, *, epochs=epochs, seed=0, **options):
        """Fits a model by its strategy, in one cycle from `initial_epoch` to `epochs`.

        The arguments are those of `model.fit`, and `seed`, which draws the order. The
        batch size is a hyperparameter.
        """
        options |= {"objective": self.objective, "difficulty": "length"}
        p = self.space(hp)
        return sequences.fit(p, model, x, y, epochs=epochs, seed=seed, **options)

    def examine(self, model):
        """What a model makes of the test set, as pictures and tables by file name."""
        x, y = self._encoded(self.splits.test)
        errors, rows = {}, []
        for evaluation in ("teacher_forcing", "free_running"):
            tokens = sequences.predictions(model, evaluation, x).argmax(-1)
            wrong = np.where(y > 0, tokens != y, np.nan)
            # A step that no text has is left out.
            known = (y > 0).any(0)
            errors[evaluation] = np.nanmean(wrong[:, known], axis=0)
        written = self.characters[1].decode(np.where(y > 0, tokens, 0))
        for text, target, output in zip(*self.splits.test, written, strict=True):
            is_right = target == output
            rows.append(
                {"text": text, "target": target, "output": output, "right": is_right}
            )
        # The mistakes first: they are what one looks for.
        rows.sort(key=lambda row: row["right"])
        figure = sequences.errors_figure(
            errors, "share of wrong characters", "position"
        )
        return {"errors.png": figure, "examples.csv": rows}
