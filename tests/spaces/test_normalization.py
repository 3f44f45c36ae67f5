import keras
import numpy as np
import pytest
from contracts import SpaceContract, array

from kdl.spaces import normalization

pytestmark = pytest.mark.one_backend


class TestNormalization(SpaceContract):
    space = staticmethod(normalization)
    made = {
        "batch": lambda part: type(part) is keras.layers.BatchNormalization,
        "none": lambda part: type(part) is keras.layers.Identity,
        "layer": lambda part: type(part) is keras.layers.LayerNormalization,
        "group": lambda part: part.groups in (4, 8, 16, 32),
        "instance": lambda part: part.groups == -1,
        "rms": lambda part: type(part) is keras.layers.RMSNormalization,
    }
    numbers = {
        "batch": {"momentum"},
        "none": set(),
        "layer": set(),
        "group": {"groups"},
        "instance": set(),
        "rms": set(),
    }
    refused = [
        (
            {"choices": ["group"], "groups": []},
            "`groups` must be a value, which fixes it, or a list of different values, "
            "the first the default. Received: groups=[]",
        ),
        (
            {"choices": ["group"], "groups": [8, 4.0]},
            "`groups` must be an integer in [1, inf). Received: groups=4.0",
        ),
    ]

    def test_groups_are_options(self):
        (groups,) = self.declared(choices=["group"], groups=[2, 1]).space
        assert (groups.values, groups.default) == ([2, 1], 2)

    def test_instances_are_normalized_by_channel(self):
        x = np.random.default_rng(0).normal(3, 2, size=(2, 16, 16, 3))
        y = array(self.make(choices=["instance"])(x))
        np.testing.assert_allclose(y.mean(axis=(1, 2)), 0, atol=1e-5)
        # Of variance 4, to which Keras adds 0.001.
        np.testing.assert_allclose(y.std(axis=(1, 2)), 1, atol=1e-3)
