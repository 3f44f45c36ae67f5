import numpy as np
import pytest
from contracts import same
from scipy.integrate import solve_ivp

from kdl.data import mackey_glass
from kdl.data.sources.mackey_glass import series

pytestmark = pytest.mark.one_backend


class TestMackeyGlass:
    @pytest.mark.parametrize("delay", [17.0, 2.5])
    def test_is_what_scipy_integrates_step_by_step(self, delay):
        """The method of steps: within one delay, the past is known."""
        constant = np.random.default_rng(0).uniform(0.5, 1.5)
        start, values, past = 0.0, {0: constant}, lambda t: constant
        while start < 60:

            def slope(t, x, past=past):
                old = past(t - delay)
                return 0.2 * old / (1 + old**10) - 0.1 * x

            end = start + delay
            solution = solve_ivp(
                slope, (start, end), [past(start)], rtol=1e-8, dense_output=True
            ).sol
            for t in range(int(start) + 1, int(end) + 1):
                values[t] = solution(t)[0]
            start, past = end, lambda t, solution=solution: solution(t)[0]
        found = series(60, delay, np.random.default_rng(0), begin=0)
        desired = [values[t] for t in range(60)]
        # Steps of 0.1, and a past that is linear between them.
        np.testing.assert_allclose(found, desired, atol=5e-5)

    def test_begins_where_it_is_told(self):
        found, whole = (
            series(10, 17.0, np.random.default_rng(0), begin=90),
            series(100, 17.0, np.random.default_rng(0), begin=0),
        )
        np.testing.assert_array_equal(found, whole[90:])

    def test_windows_follow_one_another_and_no_step_is_in_two_parts(self):
        values = series(1005, 17.0, np.random.default_rng(3))
        scaled = (values - values[:804].mean()) / values[:804].std()
        parts = mackey_glass(history=7, horizon=5, steps=1005, seed=3)
        for (x, y), (begin, end) in zip(
            parts, [(0, 804), (804, 904), (904, 1005)], strict=True
        ):
            assert x.dtype == y.dtype == "float32"
            count = end - begin - 12 + 1
            assert x.shape == (count, 7, 1) and y.shape == (count, 5, 1)
            for row in range(count):
                window = np.concatenate([x[row, :, 0], y[row, :, 0]])
                desired = scaled[begin + row : begin + row + 12]
                np.testing.assert_allclose(window, desired, atol=1e-6)

    @pytest.mark.parametrize("steps", [120, 127, 129])
    def test_shortest_series_has_a_window_in_each_part(self, steps):
        for x, y in mackey_glass(history=5, horizon=7, steps=steps):
            assert len(x) == len(y) >= 1

    def test_seed_draws_it(self):
        options = {"history": 5, "horizon": 5, "steps": 100}
        assert same(mackey_glass(**options, seed=1), mackey_glass(**options, seed=1))
        first, second = (mackey_glass(**options, seed=seed) for seed in (1, 2))
        assert not same(first, second)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                {"history": 0},
                "`history` must be an integer in [1, inf). Received: history=0",
            ),
            (
                {"horizon": 1.5},
                "`horizon` must be an integer in [1, inf). Received: horizon=1.5",
            ),
            (
                {"steps": 799},
                "`steps` must be an integer in [800, inf). Received: steps=799",
            ),
            (
                {"delay": 0.5},
                "`delay` must be a number in [1, 100]. Received: delay=0.5",
            ),
            (
                {"seed": -1},
                "`seed` must be an integer in [0, 4294967296). Received: seed=-1",
            ),
        ],
    )
    def test_refuses_bad_arguments(self, arguments, message):
        with pytest.raises(ValueError) as error:
            mackey_glass(**arguments)
        assert str(error.value) == message
