import keras
import numpy as np
import pytest
from contracts import SpaceContract

from kdl.schedules import InverseSquareRoot, OneCycle, Warmup, WarmupStableDecay
from kdl.spaces import schedule

pytestmark = pytest.mark.one_backend

SCHEDULES = keras.optimizers.schedules


def either(*kinds):
    return lambda part: type(part) in kinds


class TestSchedule(SpaceContract):
    space = staticmethod(schedule)
    arguments = {"steps": 100}
    made = {
        "one_cycle": either(OneCycle),
        "constant": either(float),
        "step": either(SCHEDULES.PiecewiseConstantDecay),
        "exponential": either(SCHEDULES.ExponentialDecay),
        "linear": either(Warmup, SCHEDULES.PolynomialDecay),
        "cosine": either(Warmup, SCHEDULES.CosineDecay),
        "warmup_stable_decay": either(WarmupStableDecay),
        "inverse_square_root": either(InverseSquareRoot),
    }
    numbers = {
        "one_cycle": {"learning_rate", "pct_start"},
        "constant": {"learning_rate"},
        "step": {"learning_rate", "drops", "final_factor"},
        "exponential": {"learning_rate", "final_factor"},
        "linear": {"learning_rate", "warmup"},
        "cosine": {"learning_rate", "warmup"},
        "warmup_stable_decay": {"learning_rate", "warmup", "decay"},
        "inverse_square_root": {"learning_rate", "warmup"},
    }
    refused = [
        (
            {"steps": 7},
            "`steps` must be an integer in [8, inf). Received: steps=7",
        ),
        (
            {"choices": ["step"], "drops": 100},
            "`drops` must be less than the number of steps, 100. Received: drops=100",
        ),
        (
            {"choices": ["cosine"], "warmup": 0.6},
            "`warmup` must be a number in [0, 0.5]. Received: warmup=0.6",
        ),
    ]

    def values(self, choice, steps=1000, **ranges):
        rate = self.make(choices=[choice], steps=steps, learning_rate=0.5, **ranges)
        return np.array([float(rate(step)) for step in range(0, steps + 1, 10)])

    @pytest.mark.parametrize("choice", made)
    @pytest.mark.parametrize("steps", [8, 100])
    def test_peak_is_the_learning_rate(self, choice, steps):
        rate = self.make(choices=[choice], steps=steps, learning_rate=0.5)
        rates = [rate] if isinstance(rate, float) else map(rate, range(steps + 1))
        # The peak of a short cycle lies between two steps.
        rel = 0.05 if (choice, steps) == ("one_cycle", 8) else 1e-6
        assert max(map(float, rates)) == pytest.approx(0.5, rel=rel)

    @pytest.mark.parametrize("choice", ["linear", "cosine", "warmup_stable_decay"])
    def test_warms_up_and_ends_at_zero(self, choice):
        values = self.values(choice, warmup=0.1)
        np.testing.assert_allclose(values[:11], np.linspace(0, 0.5, 11), atol=1e-6)
        np.testing.assert_allclose(values[-1], 0, atol=1e-6)

    def test_decays_to_the_final_factor(self):
        values = self.values("exponential", final_factor=0.125)
        np.testing.assert_allclose(values[-1], 0.5 * 0.125, rtol=1e-5)

    @pytest.mark.parametrize(("steps", "drops"), [(1000, 3), (9, 3), (16, 4), (8, 7)])
    def test_drops_as_often_as_asked_in_equal_parts(self, steps, drops):
        rate = self.make(
            choices=["step"],
            steps=steps,
            learning_rate=0.5,
            drops=drops,
            final_factor=0.125,
        )
        values = np.array([float(rate(step)) for step in range(steps)])
        levels, counts = np.unique(values, return_counts=True)
        desired = 0.5 * 0.125 ** (np.arange(drops, -1, -1) / drops)
        np.testing.assert_allclose(levels, desired, rtol=1e-5)
        assert counts.max() - counts.min() <= 1
        assert float(rate(10 * steps)) == values[-1]
