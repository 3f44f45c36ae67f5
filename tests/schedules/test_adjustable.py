import keras
import numpy as np
from contracts import ScheduleContract

from kdl.schedules import Adjustable


class TestAdjustable(ScheduleContract):
    component = Adjustable
    arguments = {
        "value": 0.5,
        "schedule": keras.optimizers.schedules.PiecewiseConstantDecay([5], [1.0, 0.25]),
    }
    peak = 0.5
    period = 10
    alternatives = {"schedule": [0.5]}
    refused = [
        (
            {"value": None},
            "`value` must be a number in (-inf, inf). Received: value=None",
        ),
        (
            {"schedule": "cosine"},
            "`schedule` must be a number in (-inf, inf) or a LearningRateSchedule. "
            "Received: schedule='cosine'",
        ),
    ]

    def reference(self, step):
        return np.where(np.asarray(step) <= 5, 0.5, 0.125)

    def test_agrees_with_the_reference_at_every_step(self):
        # Keras's piecewise schedule takes no arrays.
        schedule = self.make()
        for step in range(10):
            assert float(schedule(step)) == self.reference(step)

    def test_is_constant_without_a_schedule(self):
        assert float(Adjustable(0.3)(7)) == np.float32(0.3)
