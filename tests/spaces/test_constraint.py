import keras
import pytest
from contracts import SpaceContract

from kdl.spaces import constraint

pytestmark = pytest.mark.one_backend


class TestConstraint(SpaceContract):
    space = staticmethod(constraint)
    arguments = {"axis": [0, 1, 2]}
    made = {
        "none": lambda part: part is None,
        "max_norm": lambda part: (
            type(part) is keras.constraints.MaxNorm and part.axis == [0, 1, 2]
        ),
        "min_max_norm": lambda part: (
            type(part) is keras.constraints.MinMaxNorm
            and part.min_value == 0
            and part.axis == [0, 1, 2]
        ),
        "unit_norm": lambda part: (
            type(part) is keras.constraints.UnitNorm and part.axis == [0, 1, 2]
        ),
        "non_negative": lambda part: type(part) is keras.constraints.NonNeg,
    }
    numbers = {
        "none": set(),
        "max_norm": {"max_value"},
        "min_max_norm": {"max_value", "rate"},
        "unit_norm": set(),
        "non_negative": set(),
    }
    refused = [
        (
            {"choices": []},
            "`choices` must be a list of one or more of 'none', 'max_norm', "
            "'min_max_norm', 'unit_norm', 'non_negative'. Received: choices=[]",
        )
    ]
