import json

import keras
import keras_tuner
import numpy as np
import pytest
from contracts import SpaceContract, assert_close

from kdl.regularizers import ElasticNet, GroupLasso, MaxNorm
from kdl.schedules import Warmup
from kdl.spaces import regularizer

pytestmark = pytest.mark.one_backend


class TestRegularizer(SpaceContract):
    space = staticmethod(regularizer)
    made = {
        "elastic_net": lambda part: type(part) is ElasticNet,
        "none": lambda part: part is None,
        "l1": lambda part: part.l1_ratio == 1,
        "l2": lambda part: part.l1_ratio == 0,
        "max_norm": lambda part: type(part) is MaxNorm,
        "group_lasso": lambda part: type(part) is GroupLasso,
    }
    numbers = {
        "elastic_net": {"alpha", "l1_ratio"},
        "none": set(),
        "l1": {"alpha"},
        "l2": {"alpha"},
        "max_norm": {"max_value", "strength"},
        "group_lasso": {"group_lasso/strength"},
    }
    refused = [
        (
            {"choices": ["l3"]},
            "`choices` must be one of 'none', 'l1', 'l2', 'elastic_net', 'max_norm', "
            "'group_lasso'. Received: choices='l3'",
        ),
        (
            {"choices": "l2"},
            "`choices` must be a list of one or more of 'none', 'l1', 'l2', "
            "'elastic_net', 'max_norm', 'group_lasso'. Received: choices='l2'",
        ),
        (
            {"strenght": 1.0},
            "The space of the regularizer has no 'strenght'. It has: alpha, l1_ratio, "
            "max_value, strength.",
        ),
        (
            {"alpha": (0.1, 0.01, 0.05)},
            "`alpha` must be a value, which fixes it, or a tuple (low, high, default) "
            "of numbers above 0. Received: alpha=(0.1, 0.01, 0.05)",
        ),
        (
            {"alpha": (0.0, 0.01, 0.0)},
            "`alpha` must be a value, which fixes it, or a tuple (low, high, default) "
            "of numbers above 0. Received: alpha=(0.0, 0.01, 0.0)",
        ),
        (
            {"choices": ["l2"], "alpha": -1},
            "`alpha` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: alpha=-1",
        ),
        (
            {"alpha": (1e-3, "1", 1e-2)},
            "`alpha` must be a number in [0, inf). Received: alpha='1'",
        ),
        (
            {"choices": ["l1", "l1"]},
            "`choices` must be a list of one or more of 'none', 'l1', 'l2', "
            "'elastic_net', 'max_norm', 'group_lasso'. Received: choices=['l1', 'l1']",
        ),
        (
            {"choices": ["l1"], "strength": 0.1},
            "`strength` has no effect unless one of 'max_norm', 'group_lasso' is among "
            "the choices. Received: strength=0.1 with ['l1']",
        ),
    ]

    def test_l1_and_l2_are_those_of_keras(self):
        x = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")
        l1 = regularizer(keras_tuner.HyperParameters(), choices=["l1"], alpha=0.2)
        assert_close(l1(x), keras.regularizers.L1(0.2)(x))
        l2 = regularizer(keras_tuner.HyperParameters(), choices=["l2"], alpha=0.2)
        assert_close(l2(x), keras.regularizers.L2(0.1)(x))

    @pytest.mark.parametrize("name", ["alpha", "strength"])
    def test_schedule_takes_the_place_of_the_strength(self, name):
        choices = ["l1", "l2", "elastic_net"]
        if name == "strength":
            choices = ["max_norm", "group_lasso"]
        for choice in choices:
            part = self.make(
                choices=[choice], schedule=lambda x: Warmup(x, 10), **{name: 0.25}
            )
            assert type(getattr(part, name).schedule) is Warmup
            assert getattr(part, name).schedule.schedule == 0.25

    def test_a_number_may_be_fixed_to_a_schedule(self):
        part = self.make(choices=["l2"], alpha=Warmup(0.25, 10))
        assert part.alpha.schedule.schedule == 0.25

    def test_refuses_a_schedule_in_place_of_a_function(self):
        with pytest.raises(ValueError) as error:
            self.make(schedule=0.5)
        assert str(error.value) == (
            "`schedule` must be a function that takes the value and returns a schedule "
            "or a number, such as `lambda value: kdl.schedules.Warmup(value, 1000)`. "
            "Received: schedule=0.5"
        )

    def test_ranges_of_numpy_are_plain_numbers(self):
        ends = tuple(np.array([1e-3, 1e-1, 2e-3], "float32"))
        (alpha,) = self.declared(choices=["l2"], alpha=ends).space
        assert type(alpha.default) is float
        json.dumps(alpha.get_config())

    def test_ranges_are_those_given(self):
        hp = self.declared(choices=["elastic_net"], alpha=(1e-3, 1e-1, 2e-3))
        alpha, l1_ratio = hp.space
        assert (alpha.min_value, alpha.max_value, alpha.default) == (1e-3, 1e-1, 2e-3)
        assert (alpha.sampling, l1_ratio.sampling) == ("log", "linear")

    def test_a_value_is_no_hyperparameter(self):
        hp = self.declared(choices=["elastic_net"], alpha=1e-3)
        assert [parameter.name for parameter in hp.space] == ["regularizer/l1_ratio"]

    def test_scopes_are_apart(self):
        hp = keras_tuner.HyperParameters()
        for scope in ("first", "second"):
            self.make(hp, scope=scope)
        hp.values["second/regularizer"] = "none"
        parts = [self.make(hp, scope=scope) for scope in ("first", "second")]
        assert type(parts[0]) is ElasticNet and parts[1] is None
