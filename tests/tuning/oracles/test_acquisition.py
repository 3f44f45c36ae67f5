import numpy as np
import pytest
from scipy import integrate, special, stats

from kdl.tuning.oracles import acquisition

pytestmark = pytest.mark.one_backend

MEAN = np.array([-0.5, 0.0, 0.7, 2.0])
DEVIATION = np.array([0.3, 1.0, 0.2, 0.6])
BEST = 0.1


def improvement(mean, deviation):
    """Expected improvement over the best, by numerical integration."""
    density = stats.norm(mean, deviation).pdf
    low = min(BEST, mean) - 12 * deviation
    value, _ = integrate.quad(
        lambda score: (BEST - score) * density(score), low, BEST, epsabs=1e-14
    )
    return value


FUNCTIONS = {
    "log_expected_improvement": (
        BEST,
        np.log([improvement(*pair) for pair in zip(MEAN, DEVIATION, strict=True)]),
    ),
    "log_probability_of_improvement": (
        BEST,
        np.log(stats.norm(MEAN, DEVIATION).cdf(BEST - 0.01)),
    ),
    "confidence_bound": (2.5, 2.5 * DEVIATION - MEAN),
    "log_probability_of_success": (
        None,
        np.log(stats.norm(MEAN, np.sqrt(DEVIATION**2 + 0.25)).sf(0)),
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
class TestAcquisition:
    def call(self, name, mean, deviation):
        argument, _ = FUNCTIONS[name]
        more = () if argument is None else (argument,)
        return getattr(acquisition, name)(mean, deviation, *more)

    def test_value_is_the_integral(self, name):
        value, *_ = self.call(name, MEAN, DEVIATION)
        np.testing.assert_allclose(value, FUNCTIONS[name][1], rtol=1e-7)

    def test_derivatives_are_the_differences(self, name):
        _, by_mean, by_deviation = self.call(name, MEAN, DEVIATION)
        step = 1e-6
        for index, slope in enumerate((by_mean, by_deviation)):
            moved = [
                [MEAN + s * (index == 0), DEVIATION + s * (index == 1)]
                for s in (step, -step)
            ]
            up, down = (self.call(name, *pair)[0] for pair in moved)
            np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=1e-5)


class TestFarFromTheBest:
    def test_the_logarithm_has_a_slope_where_the_improvement_is_zero(self):
        mean, deviation = np.array([5.0, 50.0, 5e3]), np.full(3, 0.1)
        value, by_mean, by_deviation = acquisition.log_expected_improvement(
            mean, deviation, 0.0
        )
        assert np.exp(value)[1] == np.exp(value)[2] == 0
        assert np.isfinite([value, by_mean, by_deviation]).all()
        # -z^2 / 2 but for logarithms of z.
        np.testing.assert_allclose(value, -0.5 * (mean / deviation) ** 2, rtol=0.02)
        np.testing.assert_allclose(by_mean, -mean / deviation**2, rtol=0.01)

    def test_the_forms_of_the_logarithm_meet(self):
        for z in (-1.0, -1e3):
            near = np.array([z - 1e-9 * abs(z), z + 1e-9 * abs(z)])
            value, *_ = acquisition.log_expected_improvement(-near, np.ones(2), 0.0)
            assert value[0] == pytest.approx(value[1], rel=1e-6)


def test_log_mean_is_that_of_scipy():
    values = np.random.default_rng(0).normal(size=(5, 7)) * 400
    found, shares = acquisition.log_mean(values)
    np.testing.assert_allclose(found, special.logsumexp(values, 1) - np.log(7))
    np.testing.assert_allclose(shares, special.softmax(values, 1))
