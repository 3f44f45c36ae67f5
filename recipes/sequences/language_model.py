"""Predict text, token by token."""

import functools
import itertools
import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras import layers

from kdl.checks import check_integer
from kdl.data import Batches, Bytes, Characters, Subwords
from kdl.layers import Clock
from kdl.metrics import BitsPerCharacter
from kdl.models import RecurrentDecoder, Sampling, TransformerDecoder
from kdl.recipes.reading.variants import Variants
from kdl.recipes.sequences import sequence_recipe
from kdl.recipes.tokens import Tokens, TokensOfModel
from kdl.typing import Arrays, HyperParameters

# Share of the test texts that go as far as a position that is drawn.
_SHOWN = 0.1


class LanguageModel(TokensOfModel, sequence_recipe.SequenceRecipe):
    """Recurrent network or Transformer that predicts text, token by token.

    Tokens are characters, bytes, or subwords that are learned from the training texts,
    for which the package tokenizers is needed. It is measured in bits per character
    whatever they are, with the true tokens before each. What it writes by itself is
    another matter: `examine` has it go on with texts of the test set, and counts how
    many of its words are words of the training set.

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
    kept: tuple[str, ...] = ("tokens", "length")
    capacity: tuple[str, ...] = ("units", "layers")
    regularization: tuple[str, ...] = ("dropout",)
    meanings = {
        "tokens": "what is predicted one by one: characters, bytes or parts of words",
        "subwords": "subwords of the vocabulary, at most",
        "network": "recurrent network (GRU) or Transformer",
        "units": "units of the recurrent network, or twice the width of a Transformer",
        "layers": "layers of the Transformer",
        "dropout": "probability that a feature is dropped",
    }

    reads: tuple[str, ...] = sequence_recipe.TEXTS
    check = staticmethod(sequence_recipe.texts)
    read = sequence_recipe.read_texts

    @functools.cached_property
    def length(self) -> int:
        """Characters of the longest text."""
        return max(len(text) for x, _ in self.splits for text in x)

    @functools.cached_property
    def characters(self) -> Characters:
        """`kdl.data.Characters` of all texts."""
        return Characters(itertools.chain(*(x for x, _ in self.splits)))

    @functools.cached_property
    def tokens(self) -> dict[str, Any]:
        """The tokens of a model that has no others, as `Tokens.get_config` has them."""
        return self._learned(SimpleNamespace()).get_config()

    def inputs(self, raw: Any) -> Any:
        return np.array(list(raw), str)

    def encode(self, part: tuple[Any, Any]) -> tuple[Any, Any]:
        x = self.inputs(part[0])
        return x, x

    def inputs_for(self, model: keras.Model, x: Arrays) -> Any:
        return self.tokens_of(model).encode(x)

    targets_for = inputs_for

    def _learned(self, p):
        """The `Tokens` of some hyperparameters, which are learned once."""
        kind, size = getattr(p, "tokens", "characters"), getattr(p, "subwords", None)

        def learn():
            match kind:
                case "characters":
                    encoder = self.characters
                case "bytes":
                    encoder = Bytes()
                case _:
                    encoder = Subwords.from_texts(self.splits.train[0], size)
            # Nothing is left out, which would make bits seem fewer.
            longest = max(encoder.lengths(x).max() for x, _ in self.splits)
            return Tokens(encoder, int(longest), False)

        return self.learned_once((kind, size), learn)

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        p = self.strategies(hp)
        p.tokens = hp.Choice("tokens", ["characters", "bytes", "subwords"])
        with hp.conditional_scope("tokens", ["subwords"]):
            p.subwords = hp.Int(
                "subwords", 300, 8000, step=2, sampling="log", default=1200
            )
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

    def build(self, hp: HyperParameters) -> keras.Model:
        p = self.space(hp)
        learned = self._learned(p)
        tokens = keras.Input((None,), dtype="int32")
        options = {"mask_zero": True, "name": "decoder"}
        options["feeding"] = sequence_recipe.feeding(p, "teacher_forcing")
        size = learned.encoder.size
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
        # It is a hyperparameter which tokens a model takes.
        model.tokens = learned
        model.compile(
            optimizer=keras.optimizers.Adam(global_clipnorm=1.0),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[
                BitsPerCharacter(learned.encoder.characters()),
                keras.metrics.SparseCategoricalAccuracy("accuracy"),
            ],
        )
        return model

    def batches(
        self, p: SimpleNamespace, x: Arrays, y: Arrays, **options: Any
    ) -> Batches:
        tokens = self._learned(p)
        return super().batches(p, tokens.encode(x), tokens.encode(y), **options)

    deployed = (
        "It returns logits of each token of a text given those before it, one pass; "
        "what writes a text is to call it token by token."
    )

    def predict(
        self,
        model: keras.Model | Variants,
        raw: Sequence[str],
        temperature: float = 0.7,
        seed: int = 0,
        top_p: float | None = None,
        length: int | None = None,
    ) -> list[dict[str, Any]]:
        """Goes on with texts.

        Args:
            model: `keras.Model` of this recipe.
            raw: List of texts.
            temperature: Float in `[0, inf)`. What logits are divided by before a token
                is drawn; with 0 it is the likeliest. Defaults to `0.7`.
            seed: Integer in `[0, inf)`. Draws them. Defaults to `0`.
            top_p: Optional float in `(0, 1]`. Tokens are drawn among the likeliest,
                which have this probability together. Defaults to `None`, all.
            length: Optional integer in `[1, inf)`. How many tokens are written after
                the longest of the texts. Defaults to `None`: as far as the texts go
                that were learned.

        Returns:
            List of dicts of `"text"`, as given, and `"written"`, how it goes on.

        Raises:
            ValueError: If a text is empty, or has a character that a model of
                characters has not learned, or if a number is outside its interval.
        """
        if not all(raw):
            raise ValueError("A text must have a character. Received: ''")
        encoder = self.tokens_of(model).encoder
        prompt = encoder.encode(raw)
        if length is None:
            whole = max(self.tokens_of(model).length, prompt.shape[1])
        else:
            whole = prompt.shape[1] + check_integer("length", length, "[1, inf)")
        by = Sampling(temperature, top_p=top_p) if temperature else None
        tokens, _, _ = model.get_layer("decoder").generate(
            whole, prompt=prompt, by=by, seed=seed
        )
        written = encoder.decode(tokens)
        return [
            {"text": str(text), "written": whole[len(text) :]}
            for text, whole in zip(raw, written, strict=True)
        ]

    def examine(self, model: keras.Model) -> dict[str, Any]:
        x = self.inputs_for(model, self.splits.test[0])
        errors = {}
        # Padding is no error. The longest texts are few.
        is_there = x > 0
        steps = np.flatnonzero(is_there.mean(axis=0) >= _SHOWN)
        for evaluation in ("teacher_forcing", "free_running"):
            wrong = sequence_recipe.predictions(model, evaluation, x).argmax(-1) != x
            errors[evaluation] = np.average(
                wrong[:, steps], axis=0, weights=is_there[:, steps]
            )
        figure = sequence_recipe.errors_figure(
            errors, "share of wrong tokens", "position"
        )
        return {"errors.png": figure, "continued.csv": self.continued(model)}

    def continued(self, model: keras.Model, count: int = 32) -> list[dict[str, Any]]:
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
