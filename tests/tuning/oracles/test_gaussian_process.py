import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from kdl.tuning.oracles.gaussian_process import GaussianProcess

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
X = RNG.random((25, 3))
Y = np.sin(3 * X.sum(1)) + 0.1 * RNG.normal(size=25)
EXTRA = RNG.uniform(0, 0.05, 25)
THETA = np.array([-0.3, 0.2, 0.5, 0.4, -3.0])
NEW = RNG.random((6, 3))


def of_sklearn(theta, extra=0.0, noise=True):
    *scales, signal, log_noise = np.exp(theta)
    kernel = ConstantKernel(signal) * Matern(scales, nu=2.5)
    # What the process adds for the sake of the factor.
    alpha = extra + 1e-8 + (0 if noise else log_noise)
    kernel = kernel + WhiteKernel(log_noise) if noise else kernel
    return GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None).fit(X, Y)


def conditioned(extra=0.0):
    process = GaussianProcess([0, 1, 2])
    process.theta = THETA
    return process.condition(X, Y, extra)


class TestGaussianProcess:
    @pytest.mark.parametrize("extra", [0.0, EXTRA])
    def test_likelihood_and_gradient_are_those_of_sklearn(self, extra):
        value, gradient = GaussianProcess([0, 1, 2]).log_likelihood(THETA, X, Y, extra)
        theirs = of_sklearn(THETA, extra)
        expected, slope = theirs.log_marginal_likelihood(
            theirs.kernel_.theta, eval_gradient=True
        )
        assert value == pytest.approx(expected, rel=1e-8)
        # Theirs has the signal first.
        np.testing.assert_allclose(gradient, slope[[1, 2, 3, 0, 4]], rtol=1e-8)

    @pytest.mark.parametrize("extra", [0.0, EXTRA])
    def test_posterior_is_that_of_sklearn(self, extra):
        mean, deviation = conditioned(extra).predict(NEW)
        expected = of_sklearn(THETA, extra, noise=False).predict(NEW, return_std=True)
        np.testing.assert_allclose((mean, deviation), expected, rtol=1e-8, atol=1e-8)

    def test_gradient_of_the_posterior(self):
        process = conditioned()
        mean, deviation, *slopes = process.gradient(NEW[0])
        np.testing.assert_allclose(
            (mean, deviation), np.ravel(process.predict(NEW[:1])), rtol=1e-8
        )
        for which, slope in enumerate(slopes):
            expected = approx_fprime(
                NEW[0], lambda x, w=which: process.predict(x[None])[w][0], 1e-6
            )
            np.testing.assert_allclose(slope, expected, atol=1e-4)

    def test_features_of_a_group_share_a_length_scale(self):
        value, gradient = GaussianProcess([0, 1, 1]).log_likelihood(
            THETA[[0, 1, 3, 4]], X, Y
        )
        alike = THETA[[0, 1, 1, 3, 4]]
        apart, slope = GaussianProcess([0, 1, 2]).log_likelihood(alike, X, Y)
        assert value == pytest.approx(apart)
        # What one scale changes is what both change together.
        summed = [slope[0], slope[1] + slope[2], slope[3], slope[4]]
        np.testing.assert_allclose(gradient, summed, rtol=1e-8)

    def test_gradient_of_the_prior(self):
        process = GaussianProcess([0, 1, 2])
        _, slope = process.log_prior(THETA)
        expected = approx_fprime(THETA, lambda t: process.log_prior(t)[0], 1e-6)
        np.testing.assert_allclose(slope, expected, atol=1e-4)

    def test_fit_is_at_the_top_of_the_posterior_density(self):
        process = GaussianProcess([0, 1, 2]).fit(X, Y)

        def density(theta):
            return process.log_likelihood(theta, X, Y)[0] + process.log_prior(theta)[0]

        slope = approx_fprime(process.theta, density, 1e-6)
        assert np.abs(slope).max() < 0.05
        assert density(process.theta) > density(THETA)

    def test_finds_which_feature_matters(self):
        x = np.random.default_rng(1).random((40, 3))
        y = np.sin(6 * x[:, 1])
        scales = GaussianProcess([0, 1, 2]).fit(x, (y - y.mean()) / y.std()).theta[:3]
        assert scales[1] < min(scales[0], scales[2]) - 1

    def test_noise_can_be_given(self):
        process = GaussianProcess([0, 1, 2], noise=0.01).fit(X, Y)
        assert np.exp(process.theta[-1]) == pytest.approx(0.01)

    def test_equal_rows_do_no_harm(self):
        x, y = np.repeat(X[:5], 4, 0), np.repeat(Y[:5], 4)
        mean, deviation = GaussianProcess([0, 1, 2]).fit(x, y).predict(X[:5])
        np.testing.assert_allclose(mean, Y[:5], atol=0.05)
        assert np.isfinite(deviation).all()


class TestSamples:
    """What `f` may be at the data and at `NEW`, given noisy scores."""

    COUNT = 20_000

    def drawn(self):
        normals = np.random.default_rng(1).standard_normal((31, self.COUNT))
        return conditioned(EXTRA).sampled(normals, NEW)

    def test_have_the_moments_of_the_posterior(self):
        samples, _ = self.drawn()
        mean, covariance = of_sklearn(THETA, EXTRA, noise=False).predict(
            np.vstack([X, NEW]), return_cov=True
        )
        deviation = np.sqrt(np.diag(covariance))
        error = deviation / np.sqrt(self.COUNT)
        assert (np.abs(samples.mean(1) - mean) < 5 * error).all()
        # Of products of two normal numbers, the standard deviation is at most so much.
        error = np.sqrt(2) * np.outer(deviation, deviation) / np.sqrt(self.COUNT)
        assert (np.abs(np.cov(samples) - covariance) < 5 * error + 1e-5).all()

    def test_a_process_goes_through_each(self):
        samples, process = self.drawn()
        mean, deviation = process.predict(np.vstack([X, NEW])[20:])
        np.testing.assert_allclose(mean, samples[20:], atol=0.02)
        assert deviation.shape == (11, 1) and deviation.max() < 0.01

    def test_gradient(self):
        _, process = self.drawn()
        x = NEW[0] + 0.1
        mean, deviation, *slopes = process.gradient(x)
        expected = process.predict(x[None])
        np.testing.assert_allclose(mean, expected[0][0], rtol=1e-6, atol=1e-8)
        assert deviation == pytest.approx(expected[1].item(), rel=1e-6)
        for which, slope in enumerate(slopes):
            for sample in range(3 if which == 0 else 1):
                differences = approx_fprime(
                    x,
                    lambda at, w=which, s=sample: process.predict(at[None])[w][0, s],
                    1e-6,
                )
                found = slope[sample] if which == 0 else slope
                np.testing.assert_allclose(found, differences, rtol=1e-3, atol=1e-3)
