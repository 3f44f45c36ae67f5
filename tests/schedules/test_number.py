import json

import keras
import numpy as np
import pytest
from contracts import array, assert_close

from kdl.layers import Clock, Dropout
from kdl.losses import WeightedLoss
from kdl.regularizers import ElasticNet
from kdl.schedules import (
    Adjustable,
    JoinedSchedules,
    OneCycle,
    PerUpdate,
    now,
    number,
)
from kdl.schedules.number import find_numbers

RAMP = keras.optimizers.schedules.PolynomialDecay(0.0, 1024, 0.5)


class Steps(keras.optimizers.schedules.LearningRateSchedule):
    """Takes one step at a time: of many, it would count those that are late."""

    def __call__(self, step):
        ends = keras.ops.convert_to_tensor([7, 1024])
        return 0.5 ** keras.ops.sum(keras.ops.cast(step >= ends, "float32"))


class TestNumber:
    def test_number_is_a_float(self):
        assert type(number("rate", 1, "[0, 1]")) is float
        assert now(number("rate", 1, "[0, 1]")) == 1.0

    def test_refuses_what_is_no_number(self):
        with pytest.raises(ValueError) as error:
            number("rate", "high", "[0, 1)")
        assert str(error.value) == (
            "`rate` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: rate='high'"
        )

    def test_refuses_a_schedule_that_leaves_the_interval(self):
        with pytest.raises(ValueError) as error:
            number("rate", OneCycle(1.5, 100), "[0, 1)")
        assert str(error.value) == (
            "`rate` must be a number in [0, 1). Received: rate=1.18405 at step 20 of "
            "its OneCycle"
        )
        with pytest.raises(ValueError, match="at step 0 of its Adjustable"):
            number("rate", Adjustable(-0.5), "[0, 1)")

    @pytest.mark.parametrize("mark", [Adjustable, PerUpdate])
    def test_refuses_marks_within_a_schedule(self, mark):
        with pytest.raises(ValueError) as error:
            number("rate", JoinedSchedules([(9, 0.5), (None, mark(0.1))]), "[0, 1)")
        assert str(error.value) == (
            "`rate` must follow a schedule that Adjustable and PerUpdate, in this "
            "order, go around: `Adjustable(schedule=PerUpdate(schedule))`. Received: "
            "JoinedSchedules, with one of them within."
        )
        with pytest.raises(ValueError, match="go around"):
            number("rate", PerUpdate(mark(0.1)), "[0, 1)")
        assert number("rate", Adjustable(1, PerUpdate(RAMP)), "[0, 1)").per_update

    def test_survives_json(self):
        original = number("rate", Adjustable(0.5, RAMP), "[0, 1)")
        text = json.dumps(keras.saving.serialize_keras_object(original))
        revived = number("rate", json.loads(text), "[0, 1)")
        assert revived.schedule.get_config() == original.schedule.get_config()
        assert (revived.name, revived.interval) == ("rate", "[0, 1)")

    def test_of_another_part_is_one_of_its_own(self):
        original = number("rate", Adjustable(0.5), "[0, 1)")
        copy = number("other", original, "[0, 1]")
        assert copy.schedule is original.schedule
        assert copy.variable is not original.variable

    @pytest.mark.parametrize(
        "schedule",
        [
            RAMP,
            OneCycle(0.5, 3000),
            Steps(),
            # Keras's own, one of which takes no arrays on any backend.
            keras.optimizers.schedules.CosineDecay(0.5, 2000, 0.1, warmup_steps=0),
            keras.optimizers.schedules.CosineDecay(
                0.1, 2000, warmup_target=0.5, warmup_steps=9
            ),
            Adjustable(0.5, RAMP),
            Adjustable(0.5),
        ],
    )
    def test_python_steps_and_tensors_agree(self, schedule):
        value = number("rate", schedule, "[0, 1]")
        for step in (0, 1, 1023, 1024, 1025, 7, 2999):
            tensor = keras.ops.convert_to_tensor(step, "int32")
            assert_close(float(value.at(step)), value.at(tensor))


class TestFindNumbers:
    def test_finds_them_wherever_they_are(self):
        class Custom(keras.layers.Layer):
            def __init__(self):
                super().__init__(name="custom")
                self.drop = Dropout(RAMP, name="inner")

            def build(self, shape):
                regularizer = ElasticNet(0.1, RAMP)
                self.w = self.add_weight(
                    (1,), name="w", regularizer=regularizer, trainable=True
                )

            def call(self, inputs):
                return self.drop(inputs) * keras.ops.convert_to_tensor(self.w)

        shared = ElasticNet(RAMP)
        inputs = keras.Input((4,))
        x = Clock()(inputs)
        x = keras.layers.Dense(3, kernel_regularizer=shared, name="a")(x)
        x = keras.layers.Dense(3, activity_regularizer=shared, name="b")(x)
        x = keras.Sequential([Dropout(RAMP, name="inner")])(Custom()(x))
        model = keras.Model(inputs, {"x": x, "y": x})
        mse = keras.losses.MeanSquaredError()
        model.compile("sgd", {"x": WeightedLoss(mse, RAMP), "y": WeightedLoss(mse, 1)})
        model(np.ones((2, 4)))
        assert list(find_numbers(model)) == [
            "loss/x/weight",
            "a/kernel_regularizer/alpha",
            "inner/rate",
            "inner/rate_1",
            "custom/w_regularizer/l1_ratio",
        ]

    def test_finds_none_in_a_model_of_constants(self):
        model = keras.Sequential([keras.Input((4,)), Dropout(0.5)])
        assert find_numbers(model) == {}
        assert array(model(np.ones((1, 4)))).sum() == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": None},
            "`name` must be a string that is not empty. Received: name=None",
        ),
        (
            {"interval": "x"},
            "`interval` must be an interval, such as '[0, 1)' or '(0, inf)'. "
            "Received: interval='x'",
        ),
        (
            {"interval": (0, 1)},
            "`interval` must be an interval, such as '[0, 1)' or '(0, inf)'. "
            "Received: interval=(0, 1)",
        ),
    ],
)
def test_number_refuses_what_it_cannot_check_by(arguments, message):
    with pytest.raises(ValueError) as error:
        number(**{"name": "rate", "value": 0.5, "interval": "[0, 1)", **arguments})
    assert str(error.value) == message
