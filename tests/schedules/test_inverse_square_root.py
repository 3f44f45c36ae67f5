import numpy as np
import pytest
from contracts import ScheduleContract, array

from kdl.schedules import InverseSquareRoot


class TestInverseSquareRoot(ScheduleContract):
    component = InverseSquareRoot
    arguments = {"max_value": 0.3, "warmup_steps": 16}
    peak = 0.3
    period = 100
    refused = [
        (
            {"max_value": 0},
            "`max_value` must be a number in (0, inf). Received: max_value=0",
        ),
        (
            {"warmup_steps": 0},
            "`warmup_steps` must be an integer in [1, inf). Received: warmup_steps=0",
        ),
    ]

    def reference(self, step):
        rise = [0.3 * n / 16 for n in range(1, 17)]
        return rise[step] if step < 16 else 1.2 / np.sqrt(step + 1)

    @pytest.mark.parametrize(("width", "warmup"), [(512, 4000), (64, 1)])
    def test_is_the_formula_of_the_paper(self, width, warmup):
        steps = np.concatenate([np.arange(10_000), 10 ** np.arange(5, 10)])
        count = (steps + 1).astype("float64")
        desired = width**-0.5 * np.minimum(count**-0.5, count * warmup**-1.5)
        peak = (width * warmup) ** -0.5
        actual = array(InverseSquareRoot(peak, warmup)(steps))
        np.testing.assert_allclose(actual, desired, rtol=0, atol=1e-6 * peak)

    def test_peaks_in_the_last_step_of_the_warmup(self):
        values = array(InverseSquareRoot(0.5, 40)(np.arange(200)))
        assert values.argmax() == 39 and abs(values.max() - 0.5) < 1e-6
