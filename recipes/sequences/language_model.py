"""Predict text, character by character."""

import functools
import itertools
import re

import keras
import keras_tuner
import numpy as np
from keras import layers

from kdl.data import Characters
from kdl.layers import Clock
from kdl.metrics import BitsPerToken
from kdl.models import RecurrentDecoder, Sampling, TransformerDecoder
from kdl.recipes.sequences import sequence_recipe


class LanguageModel(sequence_recipe.SequenceRecipe):
    """Recurrent network or Transformer that predicts text, character by character.

    It is measured in bits per character, with the true characters before each. What it
    writes by itself is another matter: `examine` has it go on with texts of the test
    set, and counts how many of its words are words of the training set.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"topics"`, `"text:PATH"`,
            the text in a file, or a `kdl.data.Splits` of arrays of texts of one length,
            as inputs and targets alike. Loaded when it is first needed. Defaults to
            `None`, which is `"topics"`.
        seed: Integer in `[0, 2**32)`. Draws the source, where it leaves something to
            chance. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.LanguageModel()
    >>> x = recipe.data()["x"][:64]
    >>> model, history = kdl.recipes.run(recipe, x=x, y=x, epochs=1)
    """

    default_source = "topics"
    objective = keras_tuner.Objective("val_bits_per_character", "min")
    strategy = "teacher_forcing"
    kept = ("alphabet", "length")
    meanings = {
        "network": "recurrent network (GRU) or Transformer",
        "units": "units of the recurrent network, or twice the width of a Transformer",
        "layers": "layers of the Transformer",
        "dropout": "probability that a feature is dropped",
    }

    reads = sequence_recipe.TEXTS
    check = staticmethod(sequence_recipe.texts)
    read = sequence_recipe.read_texts

    @functools.cached_property
    def alphabet(self):
        """The characters of all texts."""
        return Characters(itertools.chain(*(x for x, _ in self.splits))).alphabet

    @functools.cached_property
    def length(self):
        """Length of the longest text."""
        return max(len(text) for x, _ in self.splits for text in x)

    @property
    def characters(self):
        """`kdl.data.Characters` of all texts."""
        return Characters(self.alphabet)

    def inputs(self, raw):
        return self.characters.encode(raw, self.length)

    def encode(self, part):
        x = self.inputs(part[0])
        return x, x

    def space(self, hp):
        p = self.strategies(hp)
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
        options = {"mask_zero": True, "name": "decoder"}
        options["feeding"] = sequence_recipe.feeding(p, "teacher_forcing")
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

    def predict(self, model, raw, temperature=0.7, seed=0):
        """Goes on with texts, as far as the texts go that were learned.

        Args:
            model: `keras.Model` of this recipe.
            raw: List of texts, of characters of the alphabet.
            temperature: Float in `[0, inf)`. What logits are divided by before a
                character is drawn; with 0 it is the likeliest. Defaults to `0.7`.
            seed: Integer in `[0, inf)`. Draws them. Defaults to `0`.

        Returns:
            List of dicts of `"text"`, as given, and `"written"`, how it goes on.
        """
        prompt = self.characters.encode(raw)
        length = max(self.length, prompt.shape[1])
        by = Sampling(temperature) if temperature else None
        tokens, _, _ = model.get_layer("decoder").generate(
            length, prompt=prompt, by=by, seed=seed
        )
        written = self.characters.decode(tokens)
        return [
            {"text": str(text), "written": whole[len(text) :]}
            for text, whole in zip(raw, written, strict=True)
        ]

    def examine(self, model):
        x, _ = self.encode(self.splits.test)
        errors = {}
        for evaluation in ("teacher_forcing", "free_running"):
            right = sequence_recipe.predictions(model, evaluation, x).argmax(-1) == x
            errors[evaluation] = 1 - right.mean(axis=0)
        figure = sequence_recipe.errors_figure(
            errors, "share of wrong characters", "position"
        )
        return {"errors.png": figure, "continued.csv": self.continued(model)}

    def continued(self, model, count=32):
        """Texts of the test set that a model goes on with, from their middle on.

        Args:
            model: `keras.Model` of this recipe.
            count: Integer in `[1, inf)`. Number of texts.

        Returns:
            List of dicts of `"text"`, the beginning that is given, `"written"`, how the
            model goes on with it, `"true"`, how the text does, and `"words"`, the share
            of the written words that the training set has.
        """
        texts = self.splits.test[0][:count]
        half = self.length // 2
        rows = self.predict(model, [text[:half] for text in texts])
        known = {word for text in self.splits.train[0] for word in _words(text)}
        for row, text in zip(rows, texts, strict=True):
            # Not the word that is given in part, nor the one that is cut off.
            words = _words(row["written"])[1:-1]
            share = np.mean([word in known for word in words]) if words else None
            row |= {"true": str(text[half:]), "words": share}
        return rows


def _words(text):
    return re.findall(r"[a-z]+", text.lower())
