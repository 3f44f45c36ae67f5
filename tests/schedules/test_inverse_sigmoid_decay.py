import numpy as np
import pytest
from contracts import ScheduleContract, array, compiled
from keras import ops

from kdl.schedules import InverseSigmoidDecay


class TestInverseSigmoidDecay(ScheduleContract):
    component = InverseSigmoidDecay
    arguments = {"k": 12.5, "max_value": 0.3}
    peak = 0.3
    period = 200
    refused = [
        ({"k": 0.5}, "`k` must be a number in [1, inf). Received: k=0.5"),
        (
            {"max_value": 0},
            "`max_value` must be a number in (0, inf). Received: max_value=0",
        ),
    ]

    def reference(self, step):
        # By the hyperbolic tangent, which does not overflow.
        return 0.15 * (1 - np.tanh((step / 12.5 - np.log(12.5)) / 2))

    @pytest.mark.parametrize("k", [1, 30.5, 2000, 10**6])
    def test_is_the_formula_of_the_paper(self, k):
        # As far as float64 does not overflow either, and beyond.
        steps = np.unique(np.linspace(0, 60 * k, 5001).astype("int64"))
        desired = k / (k + np.exp(steps / k))
        schedule = compiled(InverseSigmoidDecay(k))
        actual = array(schedule(ops.convert_to_tensor(steps, "int32")))
        np.testing.assert_allclose(actual, desired, rtol=0, atol=1e-6)
        assert float(schedule(ops.convert_to_tensor(2**31 - 1))) < 1e-6

    @pytest.mark.parametrize("k", [30, 2000])
    def test_halves_and_falls_where_the_docstring_says(self, k):
        values = array(InverseSigmoidDecay(k, 2.0)(np.arange(20 * k)))
        assert abs(values[round(k * np.log(k))] - 1) < 0.02
        width = ((values < 1.8) & (values > 0.2)).sum()
        assert abs(width / k - 4.4) < 0.1
