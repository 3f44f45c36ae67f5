"""Layers of a user, in a module that another process can import."""

import keras
from keras import ops


class Scale(keras.layers.Layer):
    """Multiplies by a number; registered with nobody."""

    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return self.factor * inputs

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Branch(keras.layers.Layer):
    """Does what no graph can hold: Python looks at a number."""

    def call(self, inputs):
        return inputs if bool(ops.max(inputs) > 0) else -inputs
