from contracts import ScheduleContract

from kdl.schedules import OneCycle, PerUpdate


class TestPerUpdate(ScheduleContract):
    """What the clock makes of it is tested with the clock."""

    component = PerUpdate
    arguments = {"schedule": OneCycle(0.3, 20, anneal="linear", div_factor=3)}
    peak = 0.3
    period = 20
    alternatives = {"schedule": [0.5]}
    refused = [
        (
            {"schedule": None},
            "`schedule` must be a number in (-inf, inf) or a LearningRateSchedule. "
            "Received: schedule=None",
        )
    ]

    def reference(self, step):
        return float(self.arguments["schedule"](step))

    def test_takes_a_number(self):
        assert PerUpdate(0.5)(3) == 0.5
