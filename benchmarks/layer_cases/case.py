"""What a case of benchmarks/layers.py is made of."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

# Shapes of inputs. Attention draws a number for each pair of tokens, which takes long
# on TensorFlow.
IMAGES, SMALL = (32, 32, 32, 64), (32, 16, 16, 64)
SEQUENCES, ATTENDED, STEPS = (32, 128, 256), (8, 64, 256), (32, 64, 128)
VECTORS = (512, 512)


@dataclasses.dataclass
class Base:
    """What a layer of kdl stands beside, as `layer`, `model` or `module` make it.

    Attributes:
        name: String. For the table.
        make: Function of the inputs of the case that returns the part.
    """

    name: str
    make: Callable


def layer(name, make):
    """A `Base` that is a layer of Keras, which a function makes."""
    return Base(name, lambda inputs: make())


def model(name, function):
    """A `Base` of several layers of Keras, which a function applies to its inputs."""
    return Base(name, lambda inputs: composed(function, inputs))


def module(name, make):
    """A `Base` that is a module of PyTorch, which a function makes of `in_torch`."""

    def made(inputs):
        # PyTorch need not be there.
        from layer_cases import in_torch

        return make(in_torch)

    return Base(name, made)


@dataclasses.dataclass
class Case:
    """A layer of kdl, and what it stands beside.

    Attributes:
        name: String. The layer, and after a comma which kind of it.
        inputs: List of shapes of random inputs and, after those, of arrays of integers.
        ours: Function that makes the layer.
        keras: `Base`.
        torch: Optional `Base` on PyTorch. Without one, it is Keras's there too.
    """

    name: str
    inputs: list
    ours: Callable
    keras: Base
    torch: Base | None = None


def composed(function, inputs):
    """A model of the layers that a function applies to inputs like these."""
    symbols = [
        keras.Input(x[1:])
        if isinstance(x, tuple)
        else keras.Input(x.shape[1:], dtype=x.dtype)
        for x in inputs
    ]
    return keras.Model(symbols, function(*symbols))


def integers(high, shape):
    """Random integers below `high`, the same each time."""
    return np.random.default_rng(0).integers(high, size=shape).astype("int32")
