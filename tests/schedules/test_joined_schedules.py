import keras
import numpy as np
import torch
from contracts import ScheduleContract, array

from kdl.schedules import CyclicalLearningRate, JoinedSchedules, OneCycle

MESSAGE = (
    "`schedules` must be a list of two or more pairs (steps, schedule), with None for "
    "the steps of the last, which runs for ever. Received: schedules={!r}"
)


class TestJoinedSchedules(ScheduleContract):
    component = JoinedSchedules
    arguments = {
        "schedules": [
            (20, OneCycle(0.4, 15, anneal="linear", pct_start=0.2)),
            (5, 0.25),
            (None, CyclicalLearningRate(0.1, 0.5, 4, 6)),
        ]
    }
    peak = 0.5
    period = 25 + 30
    refused = [
        *(
            ({"schedules": schedules}, MESSAGE.format(schedules))
            for schedules in (
                None,
                {20: 0.1},
                [],
                [(None, 0.1)],
                [0.1, 0.2],
                [(20, 0.1, 0.2), (None, 0.3)],
                # The last ends never: its length would be ignored.
                [(20, 0.1), (20, 0.2)],
            )
        ),
        (
            {"schedules": [(20, 0.1), (0, 0.2), (None, 0.3)]},
            "`schedules[1][0]` must be an integer in [1, inf). "
            "Received: schedules[1][0]=0",
        ),
        (
            {"schedules": [(None, 0.1), (None, 0.2)]},
            "`schedules[0][0]` must be an integer in [1, inf). "
            "Received: schedules[0][0]=None",
        ),
        (
            {"schedules": [(20, 0.1), (None, "cosine")]},
            "`schedules[1][1]` must be a number in [0, inf) or a "
            "LearningRateSchedule. Received: schedules[1][1]='cosine'",
        ),
    ]

    def reference(self, step):
        if step < 20:
            # Rises in 0.2 * 15 - 1 steps, falls until step 14.
            return np.interp(step, [0, 2, 14], [0.016, 0.4, 1.6e-6])
        if step < 25:
            return 0.25
        return np.interp((step - 25) % 10, [0, 4, 10], [0.1, 0.5, 0.1])

    def test_is_pytorch_s(self):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
        scheduler = torch.optim.lr_scheduler
        theirs = scheduler.SequentialLR(
            optimizer,
            [
                scheduler.ConstantLR(optimizer, 0.25, total_iters=100),
                scheduler.LinearLR(optimizer, 0.5, 1.0, total_iters=20),
                scheduler.StepLR(optimizer, step_size=7, gamma=0.5),
            ],
            milestones=[10, 30],
        )
        schedules = keras.optimizers.schedules
        ours = JoinedSchedules(
            [
                (10, 0.1),
                (20, schedules.PolynomialDecay(0.2, 20, end_learning_rate=0.4)),
                (None, schedules.ExponentialDecay(0.4, 7, 0.5, staircase=True)),
            ]
        )
        values = array(ours(np.arange(70)))
        for step in range(70):
            rate = optimizer.param_groups[0]["lr"]
            assert abs(rate - values[step]) < 4e-7, step
            optimizer.step()
            theirs.step()

    def test_of_numbers_is_piecewise_constant(self):
        schedule = JoinedSchedules([(2, 0.5), (3, 0), (None, 1)])
        assert array(schedule(np.arange(7))).tolist() == [0.5, 0.5, 0, 0, 0, 1, 1]
        assert float(schedule(10**9)) == 1

    def test_nests(self):
        inner = JoinedSchedules([(2, 0.5), (None, 0.25)])
        schedule = JoinedSchedules([(3, inner), (None, inner)])
        revived = JoinedSchedules.from_config(schedule.get_config())
        values = array(revived(np.arange(6)))
        assert values.tolist() == [0.5, 0.5, 0.25, 0.5, 0.5, 0.25]
