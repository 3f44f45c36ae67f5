"""Rewrite texts, such as dates in ISO 8601."""

import functools
import itertools
from types import SimpleNamespace
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras import layers
from scipy.special import log_softmax

from kdl.data import Characters
from kdl.layers import Clock
from kdl.metrics import ExactMatch, TokenErrorRate
from kdl.models import RecurrentDecoder
from kdl.recipes.sequences import sequence_recipe
from kdl.typing import HyperParameters

# Ends each text that is written, so that a prediction knows where it ends.
END = "\x03"


class Seq2Seq(sequence_recipe.SequenceRecipe):
    """Encoder and decoder with attention that rewrite texts, such as dates as ISO 8601.

    Both read and write character by character. The decoder is trained by one of the
    strategies `"teacher_forcing"`, `"scheduled_sampling"`, `"always_own"`,
    `"professor_forcing"` and `"curriculum"`, from short texts to long ones. Validation
    and test are free-running, as in use: the decoder is fed its own characters.

    Args:
        source: What to learn, as `kdl.data.load` takes it: `"dates"`, `"arithmetic"`,
            `"pairs:PATH"`, a file with two texts on each line and a tab between, or a
            `kdl.data.Splits` of arrays of texts. Loaded when it is first needed.
            Defaults to `None`, which is `"dates"`.
        seed: Integer in `[0, 2**32)`. Draws the source. Defaults to `0`.

    Example:

    >>> recipe = kdl.recipes.Seq2Seq()
    >>> data = recipe.data()
    >>> x = {name: part[:64] for name, part in data["x"].items()}
    >>> model, history = kdl.recipes.run(recipe, x=x, y=data["y"][:64], epochs=1)
    >>> rows = recipe.predict(model, ["March 8, 1962"])
    """

    default_source = "dates"
    objective = keras_tuner.Objective("val_exact_match", "max")
    difficulty = "length"
    kept: tuple[str, ...] = ("alphabets", "longest")
    capacity: tuple[str, ...] = ("units", "embedding")
    regularization: tuple[str, ...] = ("dropout",)
    meanings = {
        "units": "units of the decoder, and of both directions of the encoder together",
        "embedding": "numbers that a character is embedded in",
        "dropout": "probability that a feature of the encoder is dropped",
    }

    reads: tuple[str, ...] = sequence_recipe.TEXTS
    check = staticmethod(sequence_recipe.texts)
    read = sequence_recipe.read_texts

    @functools.cached_property
    def alphabets(self) -> list[str]:
        """The characters of what is read, and of what is written."""
        read, written = zip(*self.splits, strict=True)
        return [
            Characters(itertools.chain(*read)).alphabet,
            Characters(itertools.chain(*written, [END])).alphabet,
        ]

    @functools.cached_property
    def longest(self) -> list[int]:
        """Lengths of the longest text that is read, and written with its end."""
        read, written = (
            max(len(text) for part in side for text in part)
            for side in zip(*self.splits, strict=True)
        )
        return [read, written + len(END)]

    @property
    def characters(self) -> list[Characters]:
        """`kdl.data.Characters` of what is read, and of what is written."""
        return [Characters(alphabet) for alphabet in self.alphabets]

    def inputs(self, raw: Any) -> Any:
        read, written = self.longest
        source = self.characters[0].encode(raw, max(read, *map(len, raw)))
        # Free-running, it needs to know only how much to write.
        return {"source": source, "target": np.ones((len(raw), written), "int32")}

    def encode(self, part: tuple[Any, Any]) -> tuple[Any, Any]:
        x, y = part
        written = [str(text) + END for text in y]
        target = self.characters[1].encode(written, self.longest[1])
        return {**self.inputs(x), "target": target}, target

    def space(self, hp: HyperParameters) -> SimpleNamespace:
        p = self.strategies(hp)
        p.units = hp.Int("units", 32, 256, step=2, sampling="log", default=128)
        p.embedding = hp.Int("embedding", 8, 64, step=2, sampling="log", default=32)
        p.dropout = hp.Float("dropout", 0.0, 0.5, default=0.1)
        p.batch_size = hp.Choice("batch_size", [32, 64, 128], default=64)
        p.learning_rate = hp.Float(
            "learning_rate", 1e-3, 3e-2, sampling="log", default=8e-3
        )
        p.patience = hp.Int("patience", 3, 30, default=10)
        return p

    def build(self, hp: HyperParameters) -> keras.Model:
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
            sequence_recipe.feeding(p, "free_running"),
            mask_zero=True,
            name="decoder",
        )
        outputs = decoder(
            x["target"], memory=memory, initial_state=layers.Concatenate()(states)
        )
        model = keras.Model(inputs, outputs)
        model.compile(
            optimizer=keras.optimizers.Adam(global_clipnorm=1.0),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[ExactMatch(ignore_class=0), TokenErrorRate(ignore_class=0)],
        )
        return model

    deployed = (
        "It writes by itself, and returns logits of each character; of `target` it "
        "takes the length alone."
    )

    def rows(self, raw: Any, outputs: Any) -> list[dict[str, Any]]:
        """What is written for each text, and the probability of just that."""
        logs = log_softmax(np.asarray(outputs, "float64"), axis=-1).max(-1)
        rows = []
        tokens = np.argmax(outputs, axis=-1)
        for text, written, each in zip(
            raw, self.characters[1].decode(tokens), logs, strict=True
        ):
            written, end, _ = written.partition(END)
            probability = np.exp(each[: len(written) + len(end)].sum())
            row = {"text": str(text), "output": written}
            rows.append({**row, "probability": float(probability)})
        return rows

    def examine(self, model: keras.Model) -> dict[str, Any]:
        x, y = self.encode(self.splits.test)
        errors = {}
        for evaluation in ("teacher_forcing", "free_running"):
            outputs = sequence_recipe.predictions(model, evaluation, x)
            wrong = np.where(y > 0, outputs.argmax(-1) != y, np.nan)
            # A step that no text has is left out.
            known = (y > 0).any(0)
            errors[evaluation] = np.nanmean(wrong[:, known], axis=0)
        rows = self.rows(self.splits.test[0], outputs)
        for row, target in zip(rows, self.splits.test[1], strict=True):
            row |= {"target": str(target), "right": row["output"] == target}
        # The mistakes first: they are what one looks for.
        rows.sort(key=lambda row: row["right"])
        figure = sequence_recipe.errors_figure(
            errors, "share of wrong characters", "position"
        )
        return {"errors.png": figure, "examples.csv": rows}
