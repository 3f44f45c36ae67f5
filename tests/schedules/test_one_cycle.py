import numpy as np
import pytest
import torch
from contracts import ScheduleContract, array

from kdl.schedules import OneCycle

OPTIONS = [
    {},
    {"anneal": "linear"},
    {"three_phase": True},
    {"pct_start": 0.5, "div_factor": 10, "final_div_factor": 1},
]


class TestOneCycle(ScheduleContract):
    component = OneCycle
    arguments = {
        "max_value": 0.3,
        "total_steps": 57,
        "pct_start": 0.2,
        "anneal": "linear",
        "div_factor": 10.0,
        "final_div_factor": 50.0,
        "three_phase": True,
    }
    peak = 0.3
    period = 57
    refused = [
        (
            {"max_value": 0},
            "`max_value` must be a number in (0, inf). Received: max_value=0",
        ),
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
            {"div_factor": 0.5},
            "`div_factor` must be a number in [1, inf). Received: div_factor=0.5",
        ),
        (
            {"final_div_factor": None},
            "`final_div_factor` must be a number in [1, inf). "
            "Received: final_div_factor=None",
        ),
        (
            {"three_phase": 1},
            "`three_phase` must be one of True, False. Received: three_phase=1",
        ),
    ]

    def reference(self, step):
        # By hand: 0.03 on step 0, 0.3 on 10.4, 0.03 on 20.8 and 0.0006 on 56.
        return np.interp(step, [0, 10.4, 20.8, 56], [0.03, 0.3, 0.03, 0.0006])

    @pytest.mark.parametrize("options", OPTIONS)
    @pytest.mark.parametrize("total_steps", [20, 333])
    def test_is_pytorch_s(self, options, total_steps):
        theirs = torch_one_cycle(total_steps, **options)
        ours = OneCycle(0.3, total_steps, **options)
        np.testing.assert_allclose(
            [float(ours(step)) for step in range(total_steps)], theirs, atol=3e-7
        )

    @pytest.mark.parametrize("options", OPTIONS)
    @pytest.mark.parametrize(
        ("total_steps", "pct_start"), [(7, 0.1), (2, 0.4), (3, 0.01), (9, 0.12)]
    )
    def test_is_pytorch_s_where_the_rise_is_over_at_once(
        self, options, total_steps, pct_start
    ):
        options = {**options, "pct_start": pct_start}
        theirs = torch_one_cycle(total_steps, **options)
        ours = OneCycle(0.3, total_steps, **options)
        values = [float(ours(step)) for step in range(total_steps)]
        np.testing.assert_allclose(values, theirs, rtol=1e-5)

    def test_falls_from_its_peak_where_the_rise_ends_on_step_0(self):
        # PyTorch divides by zero.
        first, *_, last = (float(OneCycle(1.0, 10, 0.1)(step)) for step in range(10))
        np.testing.assert_allclose([first, last], [1, 1 / 25e4], rtol=1e-6)

    @pytest.mark.parametrize("anneal", ["cos", "linear"])
    @pytest.mark.parametrize("three_phase", [False, True])
    @pytest.mark.parametrize("pct_start", [0.05, 0.3, 0.5])
    @pytest.mark.parametrize("total_steps", [30, 100, 362, 10**5])
    def test_ends_are_exact_however_small(
        self, anneal, three_phase, pct_start, total_steps
    ):
        for div, final in ((1, 1), (25, 1e4), (25, 1e6), (1e3, 1e9)):
            options = (pct_start, anneal, div, final, three_phase)
            schedule = OneCycle(0.01, total_steps, *options)
            ends = array(schedule(np.array([0, total_steps - 1, total_steps + 5])))
            last = 0.01 / div / final
            np.testing.assert_allclose(ends, [0.01 / div, last, last], rtol=1e-6)
            # Near its end too, where a linear fall may not reach below it.
            late = array(schedule(np.arange(total_steps - 9, total_steps)))
            assert (np.diff(late) <= 1e-6 * late[1:]).all()
            assert late.min() >= last * (1 - 1e-6)

    def test_stays_at_its_minimum(self):
        schedule = OneCycle(1.0, 100)
        np.testing.assert_allclose(
            [float(schedule(step)) for step in (99, 100, 10**9)], 1 / 25e4, atol=1e-6
        )


def torch_one_cycle(total_steps, anneal="cos", **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=0.3,
        total_steps=total_steps,
        anneal_strategy=anneal,
        cycle_momentum=False,
        **options,
    )
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(total_steps - 1):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates
