import keras
import pytest
from contracts import SpaceContract

from kdl.spaces import activation

pytestmark = pytest.mark.one_backend


def named(name):
    return lambda part: part == name and callable(keras.activations.get(part))


class TestActivation(SpaceContract):
    space = staticmethod(activation)
    made = {
        name: named(name)
        for name in (
            *("relu", "leaky_relu", "elu", "selu"),
            *("gelu", "silu", "mish", "tanh"),
        )
    }
    numbers = {name: set() for name in made}
    refused = [
        (
            {"choices": ["relu", "swish"]},
            "`choices` must be one of 'relu', 'leaky_relu', 'elu', 'selu', 'gelu', "
            "'silu', 'mish', 'tanh'. Received: choices='swish'",
        )
    ]
