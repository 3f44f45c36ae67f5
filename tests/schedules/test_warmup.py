import keras
import numpy as np
import pytest
import torch
from contracts import ScheduleContract, array, compiled
from keras import ops

from kdl.schedules import CyclicalLearningRate, Warmup


class TestWarmup(ScheduleContract):
    component = Warmup
    arguments = {
        "schedule": CyclicalLearningRate(0.1, 0.5, 4, 6),
        "steps": 12,
        "start_factor": 0.25,
    }
    peak = 0.5
    period = 12 + 30
    alternatives = {"schedule": [0.5]}
    refused = [
        (
            {"schedule": "cosine"},
            "`schedule` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: schedule='cosine'",
        ),
        (
            {"schedule": -1},
            "`schedule` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: schedule=-1",
        ),
        (
            {"steps": 0},
            "`steps` must be an integer in [1, inf). Received: steps=0",
        ),
        (
            {"start_factor": 1.5},
            "`start_factor` must be a number in [0, 1]. Received: start_factor=1.5",
        ),
    ]

    def reference(self, step):
        if step < 12:
            return np.interp(step, [0, 12], [0.025, 0.1])
        return np.interp((step - 12) % 10, [0, 4, 10], [0.1, 0.5, 0.1])

    @pytest.mark.parametrize("start_factor", [1e-9, 1 / 3, 1.0])
    def test_is_pytorch_s(self, start_factor):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.4)
        scheduler = torch.optim.lr_scheduler
        theirs = scheduler.SequentialLR(
            optimizer,
            [
                scheduler.LinearLR(optimizer, start_factor, total_iters=30),
                scheduler.CosineAnnealingLR(optimizer, T_max=50, eta_min=0.1),
            ],
            milestones=[30],
        )
        cosine = keras.optimizers.schedules.CosineDecay(0.4, 50, alpha=0.25)
        ours = array(Warmup(cosine, 30, start_factor)(np.arange(80)))
        for step in range(80):
            # The cosine is Keras's, in its own precision.
            rate = optimizer.param_groups[0]["lr"]
            assert abs(rate - ours[step]) < (4e-7 if step < 30 else 4e-6), step
            optimizer.step()
            theirs.step()

    def test_of_a_number_rises_to_it(self):
        schedule = Warmup(0.5, 10)
        np.testing.assert_allclose(
            array(schedule(np.arange(15))),
            np.minimum(np.arange(15) / 20, 0.5),
            rtol=1e-6,
        )
        assert float(schedule(0)) == 0 and float(schedule(10**9)) == 0.5

    def test_takes_a_schedule_that_branches(self):
        boundaries = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.8, 0.2])
        schedule = compiled(Warmup(boundaries, 4))
        values = [float(schedule(ops.convert_to_tensor(step))) for step in range(10)]
        desired = [0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8, 0.2, 0.2]
        np.testing.assert_allclose(values, desired, rtol=1e-6)

    def test_warms_up_twice(self):
        schedule = Warmup(Warmup(1.0, 10, start_factor=0.5), 10)
        revived = Warmup.from_config(schedule.get_config())
        values = array(revived(np.array([0, 5, 10, 15, 20, 25])))
        np.testing.assert_allclose(values, [0, 0.25, 0.5, 0.75, 1, 1], rtol=1e-6)
