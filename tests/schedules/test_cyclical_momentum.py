import numpy as np
import pytest
import torch
from contracts import ScheduleContract, array

from kdl.schedules import CyclicalMomentum


class TestCyclicalMomentum(ScheduleContract):
    component = CyclicalMomentum
    arguments = {
        "step_size_up": 7,
        "step_size_down": 16,
        "base_momentum": 0.5,
        "max_momentum": 0.95,
        "mode": "exp_range",
        "gamma": 0.999,
        "scale_mode": "iterations",
    }
    peak = 0.95
    period = 3 * 23
    refused = [
        (
            {"step_size_up": 0},
            "`step_size_up` must be an integer in [1, inf). Received: step_size_up=0",
        ),
        (
            {"base_momentum": 0.95},
            "`base_momentum` must be a number in [0, 0.95). "
            "Received: base_momentum=0.95",
        ),
        (
            {"max_momentum": 1},
            "`max_momentum` must be a number in (0, 1). Received: max_momentum=1",
        ),
        (
            {"scale_fn": "sqrt", "mode": "triangular", "gamma": 1.0},
            "`scale_fn` must be a function of a tensor, or None. "
            "Received: scale_fn='sqrt'",
        ),
    ]

    def parameters(self):
        # Goes with no mode but the default.
        parameters = super().parameters()
        del parameters["scale_fn"]
        return parameters

    def reference(self, step):
        height = np.interp(step % 23, [0, 7, 23], [0, 1, 0]) * 0.999**step
        return 0.95 - 0.45 * height

    @pytest.mark.parametrize(
        ("mode", "gamma"),
        [("triangular", 1.0), ("triangular2", 1.0), ("exp_range", 0.99)],
    )
    @pytest.mark.parametrize("down", [None, 5])
    def test_is_pytorch_s(self, mode, gamma, down):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], momentum=0.9)
        schedule = torch.optim.lr_scheduler.CyclicLR(
            optimizer, 0.1, 0.5, 20, down, mode, gamma
        )
        theirs = []
        for _ in range(200):
            theirs.append(optimizer.param_groups[0]["momentum"])
            optimizer.step()
            schedule.step()
        ours = CyclicalMomentum(20, down, mode=mode, gamma=gamma)
        np.testing.assert_allclose(array(ours(np.arange(200))), theirs, atol=5e-7)

    def test_ends_are_exact_however_small(self):
        schedule = CyclicalMomentum(7, 16, base_momentum=1e-9)
        values = array(schedule(np.array([0, 7, 23, 30, 46])))
        np.testing.assert_allclose(values, [0.9, 1e-9, 0.9, 1e-9, 0.9], rtol=1e-6)
