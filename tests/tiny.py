"""A recipe for the command line whose training takes no time."""

import keras
import keras_tuner
import numpy as np
from typer.testing import CliRunner

from kdl import recipes
from kdl.data import Splits
from kdl_cli.main import app

CLASSES = 2


def sides(side):
    """Returns a source: points in the plane, and which side of 0 one is on."""

    def part(count, seed):
        x = np.random.default_rng(seed).normal(size=(count, 2)).astype("float32")
        return x, (x[:, side] > 0).astype("int32")

    return lambda seed: Splits(part(64, 0), part(32, 1), part(32, 2))


class Tiny(recipes.Recipe):
    """Learns two classes of points in the plane, from one of two sources."""

    default_source = "left"
    sources = {"left": sides(0), "right": sides(1)}
    objective = keras_tuner.Objective("val_loss", "min")
    epochs = 2

    def space(self, hp):
        hp.Choice("kind", ["plain", "wide"])
        with hp.conditional_scope("kind", ["wide"]):
            hp.Int("units", 2, 8, default=4)
        hp.Float("learning_rate", 1e-3, 1e-1, sampling="log", default=1e-2)
        hp.Choice("batch_size", [16, 32], default=32)

    def build(self, hp):
        self.space(hp)
        units = hp.get("units") if hp.get("kind") == "wide" else 2
        layers = [keras.layers.Dense(n) for n in (units, CLASSES)]
        model = keras.Sequential([keras.Input((2,)), *layers])
        model.compile(
            keras.optimizers.Adam(hp.get("learning_rate")),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=self.metrics(),
        )
        return model

    def metrics(self):
        return ["accuracy"]

    def fit(self, hp, model, *args, seed=None, **kwargs):
        # As little as can be, since commands are tested here and no training.
        return model.fit(*args, batch_size=hp.get("batch_size"), **kwargs)


def tune(*arguments, code=0):
    """Runs `kdl tune` of the recipe into the folder `search`."""
    told = ("tune", "tiny", "--epochs", 1, "--out", "search", *arguments)
    result = CliRunner().invoke(app, list(map(str, told)))
    assert result.exit_code == code, result.output
    return result


Tiny.__module__ = "kdl.recipes.tiny"


def add(monkeypatch):
    """Has the command line know the recipe."""
    monkeypatch.setattr(recipes, "Tiny", Tiny, raising=False)
