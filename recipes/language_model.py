"""Predict text, character by character."""

import functools
import itertools
import re

import keras
import keras_tuner
import numpy as np
from keras import layers

from kdl.checks import check_integer
from kdl.data import Characters, load
from kdl.data.load import check_source
from kdl.layers import Clock
from kdl.metrics import BitsPerToken
from kdl.models import RecurrentDecoder, TransformerDecoder
from kdl.recipes import sequences


class LanguageModel(keras_tuner.HyperModel):
    """Recurrent network or Transformer that predicts text, character by character.

    It is measured in bits per character, with the true characters before each. What it
    writes by itself is another matter: `examine` has it go on with texts of the test
    set, and counts how many of its words are words of the training set.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"topics"`, `"text:PATH"`,
            the text in a file, or a `kdl.data.Splits` of arrays of texts of one length,
            as inputs and targets alike. Loaded when it is first needed. Defaults to
            `"topics"`.
        seed: Integer in `[0, 2**32)`. Draws the source, where it leaves something to
            chance. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.LanguageModel()
    >>> x = recipe.data()["x"][:64]
    >>> model, history = kdl.recipes.run(recipe, x=x, y=x, epochs=1)
    """

    objective = keras_tuner.Objective("val_bits_per_character", "min")
    epochs = 20

    def __init__(self, source="topics", seed=0):
        super().__init__(name="language_model")
        self.source = check_source(source)
        self.seed = check_integer("seed", seed, "[0, 4294967296)")

    @functools.cached_property
    def splits(self):
        """`kdl.data.Splits` of the source, of texts."""
        return sequences.texts(load(self.source, self.seed))

    @functools.cached_property
    def characters(self):
        """`kdl.data.Characters` of all texts."""
        return Characters(itertools.chain(*(x for x, _ in self.splits)))

    def data(self):
        """Keyword arguments of `model.fit`: the training and the validation set."""
        x, validation = map(self._encoded, self.splits[:2])
        return {"x": x, "y": x, "validation_data": (validation, validation)}

    def test_data(self):
        """Keyword arguments of `model.evaluate`: the test set."""
        x = self._encoded(self.splits.test)
        return {"x": x, "y": x}

    def _encoded(self, part):
        longest = max(len(text) for x, _ in self.splits for text in x)
        return self.characters.encode(part[0], longest)

    def space(self, hp):
        """The whole search space. Its defaults are the recipe."""
        p = sequences.strategy_space(hp, "teacher_forcing")
        p.network = hp.Choice("network", ["recurrent", "transformer"])
        p.units = hp.Int("units", 64, 512, step=2, sampling="log", default=256)
        with hp.conditional_scope("network", ["transformer"]):
            p.layers = hp.Int("layers", 1, 6, default=2)
        p.dropout = hp.Float("dropout", 0.0, 0.5, default=0.1)
        p.batch_size = hp.Choice("batch_size", [32, 64, 128], default=64)
        p.learning_rate = hp.Float(
            "learning_rate", 5e-4, 3e-2, sampling="log", default=5e-3
        )
        p.patience = hp.Int("patience", 3, 30, default=5)
        return p

    def build(self, hp):
        p = self.space(hp)
        tokens = keras.Input((None,), dtype="int32")
        options = {"mask_zero": True, "name": "decoder", **sequences.feeding(p)}
        size = self.characters.size
        if p.network == "transformer":
            # Heads of 32 features; a network as wide as the recurrent one has units.
            width = max(32, p.units // 2 // 32 * 32)
            decoder = TransformerDecoder(
                size, width, p.layers, width // 32, 4 * width, p.dropout, **options
            )
        else:
            cell = layers.GRUCell(p.units, dropout=p.dropout)
            decoder = RecurrentDecoder(cell, size, 64, **options)
        model = keras.Model(tokens, decoder(Clock(name="clock")(tokens)))
        model.compile(
            optimizer=keras.optimizers.Adam(global_clipnorm=1.0),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[
                BitsPerToken("bits_per_character"),
                keras.metrics.SparseCategoricalAccuracy("accuracy"),
            ],
        )
        return model

    def fit(self, hp, model, x, y, *, epochs=epochs, seed=0, **options):
        """Fits a model by its strategy, in one cycle from `initial_epoch` to `epochs`.

        The arguments are those of `model.fit`, and `seed`, which draws the order. The
        batch size is a hyperparameter.
        """
        # All texts have one length.
        options |= {"objective": self.objective, "difficulty": "loss"}
        p = self.space(hp)
        return sequences.fit(p, model, x, y, epochs=epochs, seed=seed, **options)

    def examine(self, model):
        """What a model makes of the test set, as pictures and tables by file name."""
        x = self._encoded(self.splits.test)
        errors = {}
        for evaluation in ("teacher_forcing", "free_running"):
            right = sequences.predictions(model, evaluation, x).argmax(-1) == x
            errors[evaluation] = 1 - right.mean(axis=0)
        figure = sequences.errors_figure(
            errors, "share of wrong characters", "position"
        )
        return {"errors.png": figure, "continued.csv": self.continued(model)}

    def continued(self, model, temperature=0.7, count=32):
        """Texts of the test set that a model goes on with, with the share of words.

        Args:
            model: `keras.Model` of this recipe.
            temperature: Float in `(0, inf)`.
            count: Integer in `[1, inf)`. Number of texts.

        Returns:
            List of dicts of `"text"`, the beginning that is given, `"true"`, how it
            goes on, `"written"`, how the model goes on with it, and `"words"`, the
            share of the written words that the training set has.
        """
        texts = self.splits.test[0][:count]
        half = len(texts[0]) // 2
        prompt = self._encoded(self.splits.test)[:count, :half]
        tokens, _, _ = model.get_layer("decoder").generate(
            len(texts[0]), prompt=prompt, temperature=temperature
        )
        known = {word for text in self.splits.train[0] for word in _words(text)}
        rows = []
        for text, written in zip(texts, self.characters.decode(tokens), strict=True):
            # Not the word that is given in part, nor the one that is cut off.
            words = _words(written[half:])[1:-1]
            share = np.mean([word in known for word in words]) if words else None
            row = {"text": text[:half], "true": text[half:], "written": written[half:]}
            rows.append({**row, "words": share})
        return rows


def _words(text):
    return re.findall(r"[a-z]+", text.lower())
