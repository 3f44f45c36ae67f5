import keras
import numpy as np
import pytest
from contracts import SpaceContract, array

from kdl.initializers import Kaiming, Xavier
from kdl.spaces import initializer

pytestmark = pytest.mark.one_backend


def made(kind, **attributes):
    return lambda part: (
        type(part) is kind
        and part.seed == 3
        and all(getattr(part, name) == value for name, value in attributes.items())
    )


class TestInitializer(SpaceContract):
    space = staticmethod(initializer)
    arguments = {"seed": 3, "nonlinearity": "tanh"}
    made = {
        "xavier_uniform": made(Xavier, distribution="uniform"),
        "xavier_normal": made(Xavier, distribution="normal"),
        "kaiming_uniform": made(Kaiming, distribution="uniform", nonlinearity="tanh"),
        "kaiming_normal": made(Kaiming, distribution="normal", nonlinearity="tanh"),
        "lecun_normal": made(keras.initializers.LecunNormal),
        "orthogonal": made(keras.initializers.Orthogonal),
        "truncated_normal": made(keras.initializers.TruncatedNormal),
    }
    numbers = {
        "xavier_uniform": {"gain"},
        "xavier_normal": {"gain"},
        "kaiming_uniform": set(),
        "kaiming_normal": set(),
        "lecun_normal": set(),
        "orthogonal": {"gain"},
        "truncated_normal": {"stddev"},
    }
    refused = [
        (
            {"choices": ["he_normal"]},
            "`choices` must be one of 'kaiming_normal', 'kaiming_uniform', "
            "'xavier_normal', 'xavier_uniform', 'lecun_normal', 'orthogonal', "
            "'truncated_normal'. Received: choices='he_normal'",
        ),
        (
            {"nonlinearity": "gelu"},
            "`nonlinearity` must be one of 'linear', 'sigmoid', 'tanh', 'relu', "
            "'leaky_relu', 'selu'. Received: nonlinearity='gelu'",
        ),
    ]

    @pytest.mark.parametrize("choice", ["xavier_normal", "orthogonal"])
    def test_gain_scales_the_values(self, choice):
        one, two = (
            array(self.make(choices=[choice], gain=gain)((8, 8))) for gain in (1.0, 2.0)
        )
        np.testing.assert_allclose(two, 2 * one, rtol=1e-5)
