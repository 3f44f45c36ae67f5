"""What the trials so far say of those to come."""

import math

import numpy as np

from kdl.tuning.oracles import acquisition
from kdl.tuning.oracles.gaussian_process import GaussianProcess
from kdl.tuning.oracles.warp import Warp

# Trials to which the parameters of the process are fitted, from several starts, and
# then from the best that those have found; all are in its posterior.
_FEW, _MOST = 100, 250
# A failure counts as much as three successes, and its probability to the eighth power:
# so 3.4 % of the proposals fail in the three spaces of benchmarks/search_failures.py
# (24 other seeds than those of its table; standard error 0.4 %), where to the fourth
# power it is 4.9 %, and scores are as good.
FAILURE, CAUTION = -3.0, 8
# Variance of the noise, of scores of variance 1, beyond which no trial is taken for the
# best, and samples of what they would score without noise. Fewer than so many trials do
# not tell noise from roughness.
_NOISE, _SAMPLES, _ENOUGH = 0.03, 32, 20


class Surrogate:
    """A model of scores and of failures, and what it expects of a trial.

    Scores, which are to be minimized, are warped to look normal, and one Gaussian
    process is fitted to them. A trial that failed counts as the worst score. If there
    are failures, a second process is fitted to whether a trial succeeded, and what is
    expected of a trial is weighted by a power of the probability that it will. Trials
    that still run count with the mean expected of them, so that nobody tries the same
    beside them.

    Where scores are noisy, nobody knows which trial is the best so far. There, an
    improvement is the mean over samples of what all trials would score without noise,
    those that still run among them (noisy expected improvement).

    Args:
        features: Array `(n, D)` of features of trials that ended.
        groups: Array of `D` integers. Hyperparameter of each feature.
        scores: Array `(n,)`, not finite where a trial failed; some are finite.
        variances: Array `(n,)`. Squared standard errors of the scores, or 0.
        pending: Array `(m, D)` of features of trials that run.
        rng: `numpy.random.Generator`.
        acquisition_function: `"log_ei"`, `"ei"`, `"ucb"` or `"pi"`.
        beta: Float. Of the confidence bound.
        alpha: Optional float. Variance of the noise of warped scores.
        earlier: Optional `Earlier`. What other searches lead one to expect.

    References:
        - [Letham et al., 2019](https://doi.org/10.1214/18-BA1110), noisy expected
          improvement
    """

    def __init__(
        self,
        features,
        groups,
        scores,
        variances,
        pending,
        rng,
        acquisition_function="log_ei",
        beta=2.6,
        alpha=None,
        earlier=None,
    ):
        self._function, self._beta = acquisition_function, beta
        succeeded = np.isfinite(scores)
        self._warp = Warp(scores)
        self.targets = self._warp.targets
        variances = variances * self._warp.slopes**2
        self._earlier = earlier
        if earlier is not None:
            self._weights, self._offset = earlier.learn(features, self.targets)
        # The process is of what else there is than the mean expected beforehand.
        targets = self.targets - self._prior_mean(features)
        self._scores = posterior(features, targets, variances, groups, rng, alpha)
        self._success = None
        if not succeeded.all():
            labels = np.where(succeeded, 1.0, FAILURE)
            self._success = posterior(features, labels, 0.0, groups, rng)
        known = np.r_[succeeded, np.ones(len(pending), bool)]
        noise = variances[succeeded].mean()
        if len(features) >= _ENOUGH:
            noise += self._scores.noise_variance
        self._process = self._scores
        if noise > _NOISE and acquisition_function != "ucb":
            normals = rng.standard_normal((len(known), _SAMPLES))
            samples, self._process = self._scores.sampled(normals, pending)
            samples += self._prior_mean(np.vstack([features, pending]))[:, np.newaxis]
            self._best = samples[known].min(0)
            return
        if len(pending):
            expected, _ = self._scores.predict(pending)
            self._scores.condition(
                np.vstack([features, pending]),
                np.r_[targets, expected],
                np.r_[variances, np.zeros(len(pending))],
            )
        # Not the best score itself, which noise may have made. What runs counts as
        # well: else the most would be expected where a trial is under way already.
        means, _ = self._predicted(np.vstack([features, pending])[known])
        self._best = means.min()

    def scores(self, features):
        """Returns the median score of trials `(m,)`, and its standard error."""
        mean, deviation = self._scores.predict(features)
        # A mean of scores is among them.
        mean = np.clip(mean, self.targets.min(), self.targets.max())
        expected = self._warp.inverse(mean)
        _, slopes = self._warp(expected)
        return expected, deviation / slopes

    def values(self, features):
        """Returns what is expected of trials `(m,)`, more being better."""
        value, *_ = self._acquisition(*self._predicted(features))
        if self._success is not None:
            weight, *_ = acquisition.log_probability_of_success(
                *self._success.predict(features)
            )
            value = value + CAUTION * weight
        return np.exp(value) if self._function == "ei" else value

    def gradient(self, features):
        """Returns what is expected of one trial, and its gradient by features."""
        mean, deviation, slope, *rest = self._process.gradient(features)
        if self._earlier is not None:
            mean = mean + self._prior_mean(features[np.newaxis])[0]
            slope = slope + self._weights @ self._earlier.gradient(features)
        value, slope = _chained(self._acquisition, (mean, deviation, slope, *rest))
        if self._success is not None:
            weight, more = _chained(
                acquisition.log_probability_of_success, self._success.gradient(features)
            )
            value, slope = value + CAUTION * weight, slope + CAUTION * more
        if self._function == "ei":
            value = math.exp(value)
            slope = value * slope
        return value, slope

    def _predicted(self, features):
        mean, deviation = self._process.predict(features)
        prior = self._prior_mean(features)
        return mean + prior.reshape(-1, *(1,) * (mean.ndim - 1)), deviation

    def _prior_mean(self, features):
        """Warped scores `(m,)` expected before the trials of this search."""
        if self._earlier is None:
            return np.zeros(len(features))
        return self._earlier.predict(features) @ self._weights - self._offset

    def _acquisition(self, mean, deviation):
        """The acquisition and its derivatives, by the mean of each sample if any."""
        if self._function == "ucb":
            return acquisition.confidence_bound(mean, deviation, self._beta)
        function = _FUNCTIONS[self._function]
        value, by_mean, by_deviation = function(mean, deviation, self._best)
        if np.ndim(self._best) == 0:
            return value, by_mean, by_deviation
        value, shares = acquisition.log_mean(value)
        return value, shares * by_mean, (shares * by_deviation).sum(-1)


# Logarithms: that of `"ei"` is taken back at the end.
_FUNCTIONS = {
    "log_ei": acquisition.log_expected_improvement,
    "ei": acquisition.log_expected_improvement,
    "pi": acquisition.log_probability_of_improvement,
}
FUNCTIONS = (*_FUNCTIONS, "ucb")


def _chained(function, prediction):
    mean, deviation, mean_slope, deviation_slope = prediction
    value, by_mean, by_deviation = function(mean, deviation)
    return float(value), np.dot(by_mean, mean_slope) + by_deviation * deviation_slope


def posterior(features, targets, variances, groups, rng, alpha=None):
    """Returns a `GaussianProcess` fitted to targets, whose noise is known in part.

    Args:
        features: Array `(n, D)`.
        targets: Array `(n,)`, of mean 0 and variance 1 or so.
        variances: Array `(n,)`, or float. Variances of noise known beforehand.
        groups: Array of `D` integers. Hyperparameter of each feature.
        rng: `numpy.random.Generator`.
        alpha: Optional float. Variance of the other noise, fixed.
    """
    process = GaussianProcess(groups, noise=alpha)
    variances = np.broadcast_to(variances, targets.shape)
    random = np.r_[rng.normal(0.0, 1.0, groups.max() + 1), 0.0, rng.uniform(-10, -3)]
    starts = [process.rough, random]
    for most in (_FEW, _MOST):
        some = _some(targets, most, rng)
        process.fit(features[some], targets[some], variances[some], starts)
        if len(some) == len(targets):
            return process
        starts = [process.theta]
    return process.condition(features, targets, variances)


def _some(targets, most, rng):
    """Indices of the best, where it matters, and others, lest the rest be forgotten."""
    if len(targets) <= most:
        return np.arange(len(targets))
    best, rest = np.split(np.argsort(targets, kind="stable"), [most // 2])
    return np.r_[best, rng.choice(rest, most - len(best), replace=False)]
