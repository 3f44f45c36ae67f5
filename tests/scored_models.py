"""Small models whose scores the tests of attributions differentiate."""

import keras
import numpy as np
from keras import layers

from kdl.layers import Clock, EmbeddingBag

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(6, 8, 8, 1)).astype("float32")
TOKENS = RNG.integers(1, 20, (4, 5)).astype("int32")


def drawn(model, seed=1):
    """A model with weights that are drawn alike on each backend."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if "float" in weight.dtype:
            value = rng.normal(size=weight.shape) / max(1, weight.shape[0]) ** 0.5
            is_variance = "variance" in weight.path
            weight.assign(np.abs(value) + 0.5 if is_variance else value)
    return model


def convolutions():
    """With all that is different in training, and a model within."""
    inputs = keras.Input((8, 8, 1))
    x = Clock()(inputs)
    x = layers.Conv2D(4, 3, padding="same", activation="tanh", name="first")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.AveragePooling2D(2, name="pool")(x)
    inner = keras.Sequential(
        [keras.Input((4, 4, 4)), layers.Conv2D(3, 2, activation="gelu", name="inner")],
        name="within",
    )
    x = layers.GlobalAveragePooling2D()(inner(x))
    return drawn(keras.Model(inputs, layers.Dense(5, name="logits")(x)))


def linear(size=4, classes=3):
    return drawn(keras.Sequential([keras.Input((size,)), layers.Dense(classes)]))


def table():
    """Numbers and categories, as a dict."""
    numbers = keras.Input((3,), name="numbers")
    codes = keras.Input((2,), dtype="int32", name="categories")
    embedded = layers.Flatten()(layers.Embedding(7, 4, name="embedding")(codes))
    x = layers.Concatenate()([numbers, embedded])
    x = layers.Dense(8, "tanh")(x)
    inputs = {"numbers": numbers, "categories": codes}
    return drawn(keras.Model(inputs, layers.Dense(2)(x)))


def rows():
    return {
        "numbers": RNG.normal(size=(6, 3)).astype("float32"),
        "categories": RNG.integers(0, 7, (6, 2)).astype("int32"),
    }


def reader(bag=None):
    """Of tokens, by their embeddings or by a bag of them."""
    tokens = keras.Input((5,), dtype="int32")
    if bag:
        x = EmbeddingBag(20, 4, bag, padding_index=0, name="embedding")(tokens)
    else:
        x = layers.Embedding(20, 4, name="embedding")(tokens)
        x = layers.GlobalAveragePooling1D()(layers.Conv1D(4, 2, activation="tanh")(x))
    x = layers.Dense(6, "tanh")(x)
    return drawn(keras.Model(tokens, layers.Dense(3)(x)))


class Subclassed(keras.Model):
    """Of inputs and outputs that nobody knows before it is called."""

    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(6, "tanh", name="hidden")
        self.last = layers.Dense(3, name="last")

    def call(self, inputs):
        return self.last(self.hidden(inputs["a"] * inputs["b"]))
