import numpy as np
import pytest
import torch
from contracts import ScheduleContract, array

from kdl.schedules import OneCycle, OneCycleMomentum


class TestOneCycleMomentum(ScheduleContract):
    component = OneCycleMomentum
    arguments = {
        "total_steps": 57,
        "pct_start": 0.2,
        "anneal": "linear",
        "base_momentum": 0.5,
        "max_momentum": 0.9,
        "three_phase": True,
    }
    peak = 0.9
    period = 57
    refused = [
        (
            {"total_steps": 57.0},
            "`total_steps` must be an integer in [2, inf). Received: total_steps=57.0",
        ),
        (
            {"pct_start": 0.6},
            "`pct_start` must be a number in (0, 0.5]. Received: pct_start=0.6",
        ),
        (
            {"anneal": "cosine"},
            "`anneal` must be one of 'cos', 'linear'. Received: anneal='cosine'",
        ),
        (
            {"base_momentum": 0.9},
            "`base_momentum` must be a number in [0, 0.9). Received: base_momentum=0.9",
        ),
        (
            {"max_momentum": 1},
            "`max_momentum` must be a number in (0, 1). Received: max_momentum=1",
        ),
        (
            {"three_phase": 1},
            "`three_phase` must be one of True, False. Received: three_phase=1",
        ),
    ]

    def reference(self, step):
        # By hand: 0.9 on step 0, 0.5 on 10.4 and 0.9 from 20.8 on.
        return np.interp(step, [0, 10.4, 20.8, 56], [0.9, 0.5, 0.9, 0.9])

    @pytest.mark.parametrize("anneal", ["cos", "linear"])
    @pytest.mark.parametrize("three_phase", [False, True])
    @pytest.mark.parametrize("total_steps", [20, 333])
    def test_is_pytorch_s_beside_the_rate(self, anneal, three_phase, total_steps):
        options = {"pct_start": 0.4, "three_phase": three_phase}
        rates, momenta = torch_one_cycle(total_steps, anneal_strategy=anneal, **options)
        steps = np.arange(total_steps)
        ours = OneCycle(0.3, total_steps, anneal=anneal, **options)
        np.testing.assert_allclose(array(ours(steps)), rates, rtol=0, atol=3e-7)
        ours = OneCycleMomentum(total_steps, anneal=anneal, **options)
        np.testing.assert_allclose(array(ours(steps)), momenta, rtol=0, atol=5e-7)

    @pytest.mark.parametrize("anneal", ["cos", "linear"])
    @pytest.mark.parametrize("base", [0.0, 1e-9, 0.85])
    def test_ends_are_exact_however_small(self, anneal, base):
        # The rate peaks on step 29.
        schedule = OneCycleMomentum(100, 0.3, anneal, base)
        values = array(schedule(np.array([0, 29, 99, 1000])))
        np.testing.assert_allclose(values, [0.95, base, 0.95, 0.95], rtol=1e-6)

    def test_defaults_are_pytorch_s(self):
        _, momenta = torch_one_cycle(100)
        ours = array(OneCycleMomentum(100)(np.arange(100)))
        np.testing.assert_allclose(ours, momenta, rtol=0, atol=5e-7)


def torch_one_cycle(total_steps, **options):
    """Learning rates and momenta of the cycle."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.3, total_steps=total_steps, cycle_momentum=True, **options
    )
    group = optimizer.param_groups[0]
    values = [(group["lr"], group["momentum"])]
    for _ in range(total_steps - 1):
        optimizer.step()
        schedule.step()
        values.append((group["lr"], group["momentum"]))
    return zip(*values, strict=True)
