"""Files of users, for tests of what is made of them."""

import sys

from kdl.recipes.own import user_code

RECIPE = '''
import types
import keras
import keras_tuner
import numpy as np
import kdl

def points(seed):
    def part(count, seed):
        x = np.random.default_rng(seed).normal(size=(count, 2)).astype("float32")
        return x, (x[:, 0] > 0).astype("int32")
    return kdl.data.Splits(part(64, 0), part(32, 1), part(32, 2))

class Mine(kdl.recipes.Recipe):
    """Tells left from right."""
    default_source = "points"
    sources = {"points": points}
    objective = keras_tuner.Objective("val_accuracy", "max")
    epochs = 1

    def space(self, hp):
        return types.SimpleNamespace(units=hp.Int("units", 2, 8, default=4))

    def build(self, hp):
        units = self.space(hp).units
        dense = [keras.layers.Dense(units), keras.layers.Dense(2)]
        model = keras.Sequential([keras.Input((2,)), *dense])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
        return model
'''

# Of which the outputs are images as well.
PAINTER = (
    RECIPE
    + """
    def pictures(self, raw, outputs):
        from PIL import Image

        greys = np.argmax(outputs, axis=-1).astype("uint8")
        return [Image.fromarray(np.full((2, 3), grey)) for grey in greys]
"""
)

FUNCTION = """
import keras

def build(hp):
    units = hp.Int("units", 2, 8, default=4)
    dense = [keras.layers.Dense(units), keras.layers.Dense(10)]
    flat = keras.layers.Flatten()
    model = keras.Sequential([keras.Input((8, 8, 1)), flat, *dense])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model
"""

HYPERMODEL = """
import keras_tuner
from function import build

class Net(keras_tuner.HyperModel):
    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        batch = hp.Choice("batch", [64, 128])
        return model.fit(*args, batch_size=batch, **kwargs)
"""


def write(folder):
    """Writes the three into a folder, as recipe.py, function.py and hypermodel.py."""
    (folder / "recipe.py").write_text(RECIPE)
    (folder / "function.py").write_text(FUNCTION)
    (folder / "hypermodel.py").write_text(HYPERMODEL)


def forget(monkeypatch):
    """Has Python forget what it imported of such files before."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    for module in user_code.imported():
        sys.modules.pop(module.__name__, None)
    user_code._IMPORTED.clear()
