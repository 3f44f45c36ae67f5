"""Estimators of scikit-learn as Keras models, which look up what these predict."""

import keras
import numpy as np
import pytest


def lookup(table):
    """A model of indices of examples that returns a row of a table for each."""
    table = np.asarray(table, "float32")
    embedding = keras.layers.Embedding(*table.shape)
    model = keras.Sequential([keras.Input((), dtype="int32"), embedding])
    embedding.set_weights([table])
    return model


def check_asks_the_first_model(combine, table, x, y):
    """What combines models asks the first one whether it returns logits.

    Args:
        combine: Function of a function that trains, of inputs and of targets.
        table: Array of the outputs of each example.
        x: Inputs, indices of examples.
        y: Integer array.
    """
    trained = []

    def train_once(*args):
        trained.append(lookup(table))
        trained[-1].compile(loss="sparse_categorical_crossentropy")
        return trained[-1]

    with pytest.raises(ValueError) as error:
        combine(train_once, x, y)
    assert str(error.value) == (
        f"`from_logits` must be False for the model {trained[0].name!r}, whose loss "
        "takes probabilities. Received: from_logits=True"
    )
    assert len(trained) == 1
