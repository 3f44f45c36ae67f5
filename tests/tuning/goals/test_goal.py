import keras_tuner
import numpy as np
import pytest
from keras_tuner import Objective

from kdl.tuning.goals.goal import Goal, goal_of, make_goal

pytestmark = pytest.mark.one_backend


def names(goal):
    return [(part.name, part.direction) for part in goal.objectives]


class TestMakeGoal:
    def test_leaves_one_objective_to_kerastuner(self):
        one = Objective("score", "max")
        assert make_goal(one) is make_goal([one]) is one
        assert make_goal("val_loss") == "val_loss" and make_goal(None) is None
        assert goal_of(one).is_plain and names(goal_of(one)) == [("score", "max")]

    def test_knows_directions(self):
        found = make_goal(["val_accuracy", "params", Objective("score", "max")])
        assert names(found) == [
            *(("val_accuracy", "max"), ("params", "min"), ("score", "max"))
        ]
        assert make_goal("latency_ms").direction == "min"

    def test_leads_by_what_training_changes(self):
        found = make_goal(["params", "val_accuracy"], ["latency_ms<=2"])
        assert (found.name, found.direction, found.leading) == (
            "val_accuracy",
            "max",
            1,
        )
        assert found.by_epoch.name == "val_accuracy"
        assert found.names == ["params", "val_accuracy", "latency_ms"]
        assert found.costs == ["params", "latency_ms"]

    def test_of_costs_alone_goes_by_a_constraint_or_the_last_epoch(self):
        found = make_goal("params", ["val_accuracy>=0.9"])
        assert (found.name, found.by_epoch.name) == ("params", "val_accuracy")
        assert found.by_epoch.direction == "max"
        assert make_goal(["params", "flops"]).by_epoch is None

    def test_comes_back_from_plain_values(self):
        found = make_goal(["val_accuracy", "params"], ["latency_ms<=2.5"])
        again = Goal.from_config(found.get_config())
        assert again.get_config() == found.get_config()
        assert str(again) == "val_accuracy:max, params:min, latency_ms<=2.5"

    @pytest.mark.parametrize(
        ("objective", "given", "message"),
        [
            (
                None,
                ["a<=3"],
                "`constraints` need an `objective`. Received: objective=None",
            ),
            (
                ["val_loss", "score"],
                None,
                "Say whether lower or higher 'score' is better: "
                "keras_tuner.Objective('score', 'min') or 'max'.",
            ),
            (
                ["val_loss", Objective("val_loss", "min")],
                None,
                "Objectives must be of different metrics. Received: 'val_loss' is "
                "there twice",
            ),
        ],
    )
    def test_refuses_what_is_no_goal(self, objective, given, message):
        with pytest.raises(ValueError) as error:
            make_goal(objective, given)
        assert str(error.value) == message


class TestLosses:
    def test_are_less_where_it_is_better(self):
        goal = Goal([Objective("a", "min"), Objective("b", "max")])
        found = goal.losses({"a": 1.0, "b": 2.0, "c": 3.0})
        np.testing.assert_array_equal(found, [1.0, -2.0])
        np.testing.assert_array_equal(goal.losses({"b": 2.0}), [np.nan, -2.0])

    def test_of_what_was_not_reported_end_the_search(self):
        goal = make_goal(["val_loss", "val_mae"])
        with pytest.raises(keras_tuner.errors.FatalValueError) as error:
            goal.check_reported({"val_loss": 1.0, "loss": 2.0})
        assert str(error.value) == (
            "The objective is 'val_mae', which the trial did not report. It reported: "
            "loss, val_loss."
        )
