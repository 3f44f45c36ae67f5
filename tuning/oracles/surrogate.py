"""What the trials so far say of those to come."""

import math

import numpy as np
from scipy.stats import yeojohnson, yeojohnson_normmax

from kdl.tuning.oracles import acquisition
from kdl.tuning.oracles.gaussian_process import GaussianProcess

# Trials to which the parameters of the process are fitted, from several starts, and
# then from the best that those have found; all are in its posterior.
_FEW, _MOST = 100, 250
# A failure counts as much as three successes, and its probability to the eighth power:
# so 3.4 % of the proposals fail in the three spaces of benchmarks/search_failures.py
# (24 other seeds than those of its table; standard error 0.4 %), where to the fourth
# power it is 4.9 %, and scores are as good.
FAILURE, CAUTION = -3.0, 8


class Surrogate:
    """A model of scores and of failures, and what it expects of a trial.

    Scores, which are to be minimized, are warped to look normal (Yeo and Johnson),
    and one Gaussian process is fitted to them. A trial that failed counts as the
    worst score. If there are failures, a second process is fitted to whether a trial
    succeeded, and what is expected of a trial is weighted by a power of the
    probability that it will. Trials that still run count with the mean expected of
    them, so that nobody tries the same beside them.

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
    ):
        self._function, self._beta = acquisition_function, beta
        succeeded = np.isfinite(scores)
        targets, slopes = warped(scores)
        self.targets = targets
        self._scores = posterior(
            features, targets, variances * slopes**2, groups, rng, alpha
        )
        self._success = None
        if not succeeded.all():
            labels = np.where(succeeded, 1.0, FAILURE)
            self._success = posterior(features, labels, 0.0, groups, rng)
        if len(pending):
            expected, _ = self._scores.predict(pending)
            self._scores.condition(
                np.vstack([features, pending]),
                np.r_[targets, expected],
                np.r_[variances * slopes**2, np.zeros(len(pending))],
            )
        # Not the best score itself, which noise may have made. What runs counts as
        # well: else the most would be expected where a trial is under way already.
        means, _ = self._scores.predict(np.vstack([features[succeeded], pending]))
        self._best = means.min()

    def values(self, features):
        """Returns what is expected of trials `(m,)`, more being better."""
        value, *_ = self._acquisition(*self._scores.predict(features))
        if self._success is None:
            return value
        weight, *_ = acquisition.log_probability_of_success(
            *self._success.predict(features)
        )
        weight *= CAUTION
        return value * np.exp(weight) if self._function == "ei" else value + weight

    def gradient(self, features):
        """Returns what is expected of one trial, and its gradient by features."""
        value, slope = _chained(self._acquisition, self._scores.gradient(features))
        if self._success is None:
            return value, slope
        weight, more = _chained(
            acquisition.log_probability_of_success, self._success.gradient(features)
        )
        weight, more = CAUTION * weight, CAUTION * more
        if self._function == "ei":
            return value * math.exp(weight), math.exp(weight) * (slope + value * more)
        return value + weight, slope + more

    def _acquisition(self, mean, deviation):
        if self._function == "ucb":
            return acquisition.confidence_bound(mean, deviation, self._beta)
        return _FUNCTIONS[self._function](mean, deviation, self._best)


_FUNCTIONS = {
    "log_ei": acquisition.log_expected_improvement,
    "ei": acquisition.expected_improvement,
    "pi": acquisition.log_probability_of_improvement,
}
FUNCTIONS = (*_FUNCTIONS, "ucb")


def _chained(function, prediction):
    mean, deviation, mean_slope, deviation_slope = prediction
    value, by_mean, by_deviation = function(mean, deviation)
    return float(value), by_mean * mean_slope + by_deviation * deviation_slope


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


def warped(scores):
    """Returns scores of mean 0 and variance 1, failures as the worst, and slopes.

    The slopes are those of the map, by which a small error grows.
    """
    succeeded = np.isfinite(scores)
    known = scores[succeeded]
    scale = np.std(known) or 1.0
    values, slopes = (known - np.median(known)) / scale, np.full(len(known), 1 / scale)
    if len(known) >= 5 and np.ptp(values) > 0:
        power = yeojohnson_normmax(values)
        warped = yeojohnson(values, power)
        if np.isfinite(warped).all() and np.ptp(warped) > 0:
            exponents = np.where(values < 0, 1 - power, power - 1)
            slopes *= (1 + np.abs(values)) ** exponents
            values = warped
    spread = np.std(values) or 1.0
    values, slopes = (values - values.mean()) / spread, slopes / spread
    targets, all_slopes = np.full(len(scores), values.max()), np.zeros(len(scores))
    targets[succeeded], all_slopes[succeeded] = values, slopes
    return targets, all_slopes
