import numpy as np
import pytest
from contracts import ScheduleContract, array, compiled
from keras import ops

from kdl.schedules import WarmupStableDecay

# How much is left when a share of the decay has passed.
SHAPES = {
    "linear": lambda p: 1 - p,
    "cosine": lambda p: np.cos(np.pi * p / 2) ** 2,
    "1-sqrt": lambda p: 1 - p**0.5,
}


class TestWarmupStableDecay(ScheduleContract):
    component = WarmupStableDecay
    arguments = {
        "max_value": 0.3,
        "total_steps": 60,
        "warmup_steps": 8,
        "decay_steps": 25,
        "decay": "linear",
        "final_value": 0.05,
    }
    peak = 0.3
    period = 60
    refused = [
        (
            {"max_value": 0},
            "`max_value` must be a number in (0, inf). Received: max_value=0",
        ),
        (
            {"total_steps": 60.0},
            "`total_steps` must be an integer in [1, inf). Received: total_steps=60.0",
        ),
        (
            {"warmup_steps": 60},
            "`warmup_steps` must be an integer in [0, 60). Received: warmup_steps=60",
        ),
        (
            {"decay_steps": 53},
            "`decay_steps` must be an integer in [1, 52]. Received: decay_steps=53",
        ),
        (
            {"decay": "sqrt"},
            "`decay` must be one of 'linear', 'cosine', '1-sqrt'. "
            "Received: decay='sqrt'",
        ),
        (
            {"final_value": 0.4},
            "`final_value` must be a number in [0, 0.3]. Received: final_value=0.4",
        ),
    ]

    def reference(self, step):
        return np.interp(step, [0, 8, 35, 60], [0, 0.3, 0.3, 0.05])

    @pytest.mark.parametrize("decay", SHAPES)
    @pytest.mark.parametrize("warmup_steps", [0, 40])
    @pytest.mark.parametrize("total_steps", [300, 10**7 + 100, 10**9])
    def test_is_the_formula_of_the_papers(self, decay, warmup_steps, total_steps):
        schedule = compiled(
            WarmupStableDecay(2.0, total_steps, warmup_steps, 150, decay, 0.5)
        )
        steps = np.concatenate([np.arange(300), np.arange(-200, 50) + total_steps])
        steps = np.append(steps, 10**7)
        rise = np.minimum(steps / warmup_steps, 1) if warmup_steps else 1
        passed = np.clip((steps - total_steps + 150) / 150, 0, 1)
        np.testing.assert_allclose(
            array(schedule(ops.convert_to_tensor(steps, "int32"))),
            rise * (0.5 + 1.5 * SHAPES[decay](passed)),
            rtol=0,
            atol=2e-6,
        )

    @pytest.mark.parametrize("decay", SHAPES)
    def test_is_exact_where_phases_meet(self, decay):
        schedule = WarmupStableDecay(0.5, 1000, 100, 200, decay, 0.125)
        values = array(schedule(np.array([0, 100, 500, 800, 1000, 10**9])))
        assert values.tolist() == [0, 0.5, 0.5, 0.5, 0.125, 0.125]

    @pytest.mark.parametrize("decay", SHAPES)
    @pytest.mark.parametrize("decay_steps", [1, 7, 1000, 10**6])
    @pytest.mark.parametrize("final_value", [0.0, 1e-12, 1e-6, 0.5])
    def test_is_exact_near_its_end_however_small(self, decay, decay_steps, final_value):
        total = 10**6 + 50
        schedule = WarmupStableDecay(0.5, total, 50, decay_steps, decay, final_value)
        steps = np.arange(total - min(5, decay_steps), total + 2)
        # To float64, of what remains.
        left = np.clip((total - steps) / decay_steps, 0, 1)
        if decay == "cosine":
            left = np.sin(np.pi / 2 * left) ** 2
        if decay == "1-sqrt":
            left = -np.expm1(np.log1p(-np.minimum(left, 1 - 1e-16)) / 2)
        desired = final_value * (1 - left) + 0.5 * left
        np.testing.assert_allclose(array(schedule(steps)), desired, rtol=1e-6)

    def test_shares_its_beginning_with_a_longer_one(self):
        short, long = (WarmupStableDecay(0.5, n, 20, 30) for n in (100, 1000))
        steps = np.arange(71)
        assert array(short(steps)).tolist() == array(long(steps)).tolist()
