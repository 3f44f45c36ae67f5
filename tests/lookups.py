"""Estimators of scikit-learn as Keras models, which look up what these predict."""

import keras
import numpy as np


def lookup(table):
    """A model of indices of examples that returns a row of a table for each."""
    table = np.asarray(table, "float32")
    embedding = keras.layers.Embedding(*table.shape)
    model = keras.Sequential([keras.Input((), dtype="int32"), embedding])
    embedding.set_weights([table])
    return model
