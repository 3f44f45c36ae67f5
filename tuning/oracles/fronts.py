"""What the trials so far say of those to come, of several objectives."""

import functools
import math

import numpy as np
from scipy.special import log_ndtr

from kdl.tuning.goals.front import layers, order
from kdl.tuning.oracles.acquisition import log_probability_of_success
from kdl.tuning.oracles.hypervolume import boxes, log_expected_hypervolume_improvement
from kdl.tuning.oracles.surrogate import CAUTION, FAILURE, posterior
from kdl.tuning.oracles.warp import Warp

# Trials with a number below which there is no process of it.
LEAST = 3
# How far the reference point is from the front's worst, in units of the front's extent.
_BEYOND = 0.1
# How much the other objectives count at the end of a front, where one is at its best.
_LITTLE = 0.1
# The least and the greatest number of trials around which to look for better ones.
_FEW, _MANY = 5, 10
_LOG_ROOT = 0.5 * math.log(2 * math.pi)


class FrontSurrogate:
    """A model of objectives, constraints and failures, and what it expects of a trial.

    Each objective is warped to look normal, as a score is by `Surrogate`, and has a
    Gaussian process of its own. Warping keeps the order of values, so the front stays
    the same. The hypervolume is measured between warped objectives, so that the unit of
    an objective does not matter. The front is that of the means expected of the trials
    that met the constraints, since noise may have made what was seen, and of those that
    run.
    The reference point is a tenth of the front's extent beyond the worst on the front
    in each objective, to which belong the trials that `reach` was given; where there is
    no extent, beyond the worst of all trials.

    What is expected of a trial is the logarithm of the expected hypervolume
    improvement, which of one objective is the expected improvement, plus that of the
    probability that the trial meets each constraint, of whose metric there is a
    process, warped too, plus that of its success, as in `Surrogate`. A failed trial
    counts as the worst in each objective. One that was not trained, since it broke a
    constraint before, tells of constraints alone.

    Args:
        features: Array `(n, D)` of features of trials that ended.
        groups: Array of `D` integers. Hyperparameter of each feature.
        losses: Array `(n, m)` of objectives, less being better; infinite where a trial
            failed, NaN where they are not known.
        variances: Array `(n, m)`. Squared standard errors of the objectives, or 0.
        constraints: List of `c` `Constraint`.
        metrics: Array `(n, c)` of the metrics of the constraints, NaN where they are
            not known.
        spreads: Array `(n, c)`. Squared standard errors of the metrics, or 0.
        pending: Array `(p, D)` of features of trials that run.
        rng: `numpy.random.Generator`.
        alpha: Optional float. Variance of the noise of warped objectives.

    Attributes:
        incumbents: Array of integers. Trials to look for better ones around.
    """

    def __init__(
        self,
        features,
        groups,
        losses,
        variances,
        constraints,
        metrics,
        spreads,
        pending,
        rng,
        alpha=None,
    ):
        def fitted(rows, targets, noise, alpha=None):
            process = posterior(features[rows], targets, noise, groups, rng, alpha)
            if len(pending):
                # What runs counts with what is expected of it.
                process.condition(
                    np.vstack([features[rows], pending]),
                    np.r_[targets, process.predict(pending)[0]],
                    np.r_[noise, np.zeros(len(pending))],
                )
            return process

        failed = np.isinf(losses).any(1)
        known = ~np.isnan(losses).any(1)
        scored = known & ~failed
        self._limits = []
        for constraint, values, noise in zip(
            constraints, metrics.T, spreads.T, strict=True
        ):
            rows = np.isfinite(values)
            if rows.sum() >= LEAST:
                targets, slopes, bound = _bounded(constraint, values[rows])
                process = fitted(rows, targets, noise[rows] * slopes**2)
                self._limits.append((process, bound))
        self._success = None
        if failed.any() and scored.any():
            labels = np.where(failed, FAILURE, 1.0)[known]
            self._success = posterior(features[known], labels, 0.0, groups, rng)
        feasible = scored & np.array(
            [
                all(c.is_met(value) for c, value in zip(constraints, row, strict=True))
                for row in metrics
            ],
            bool,
        )
        self._objectives = []
        if scored.sum() >= LEAST:
            ends = []
            for column, noise in zip(losses[known].T, variances[known].T, strict=True):
                warp = Warp(column)
                process = fitted(known, warp.targets, noise * warp.slopes**2, alpha)
                self._objectives.append(process)
                ends.append([warp.targets.min(), warp.targets.max()])
            self._ends = np.transpose(ends)
            self._means = self._found(features[feasible], pending)
            self._boxes = self._free()
        self.incumbents = self._incumbents(features, losses, feasible)

    def values(self, features):
        """Returns what is expected of trials `(m,)`, more being better."""
        total = self.weights(features)
        if self._objectives:
            value, *_ = log_expected_hypervolume_improvement(
                *self.predict(features), *self._boxes
            )
            total += value
        return total

    def gradient(self, features):
        """Returns what is expected of one trial, and its gradient by features."""
        total, slope = self.gradient_of_weights(features)
        if self._objectives:
            means, deviations, *slopes = self.gradient_of_prediction(features)
            (value,), *by = log_expected_hypervolume_improvement(
                means[None], deviations[None], *self._boxes
            )
            total += value
            for (by_each,), slope_of_each in zip(by, slopes, strict=True):
                slope = slope + by_each @ slope_of_each
        return float(total), slope

    def weights(self, features):
        """Returns log probabilities `(m,)` that constraints are met, of success too."""
        total = np.zeros(len(features))
        for times, process, function in self._weights():
            value, *_ = function(*process.predict(features))
            total += times * value
        return total

    def gradient_of_weights(self, features):
        """Returns the log probability of one trial, and its gradient by features."""
        total, slope = 0.0, np.zeros(len(features))
        for times, process, function in self._weights():
            mean, deviation, mean_slope, deviation_slope = process.gradient(features)
            value, by_mean, by_deviation = function(mean, deviation)
            total += times * value
            slope += times * (by_mean * mean_slope + by_deviation * deviation_slope)
        return total, slope

    def predict(self, features):
        """Returns means and standard deviations of the objectives, each `(k, m)`."""
        predicted = [process.predict(features) for process in self._objectives]
        return tuple(np.transpose(part) for part in zip(*predicted, strict=True))

    def gradient_of_prediction(self, features):
        """Returns means and deviations `(m,)` at one trial, and gradients `(m, D)`."""
        predicted = [process.gradient(features) for process in self._objectives]
        return tuple(map(np.array, zip(*predicted, strict=True)))

    def extremes(self):
        """Returns an `Extreme` for each objective, none of one objective."""
        count = len(self._objectives)
        return [Extreme(self, j, count) for j in range(count)] if count > 1 else []

    def reach(self, features):
        """Takes trials for part of the front, where the reference point is laid.

        A front that was found in a corner would otherwise be extended in small steps.

        Args:
            features: Array `(m, D)`, such as of trials that are best by `extremes`.
        """
        self._boxes = self._free(self.predict(features)[0])

    def _weights(self):
        for process, bound in self._limits:
            yield 1, process, functools.partial(_log_probability_below, bound)
        if self._success is not None:
            yield CAUTION, self._success, log_probability_of_success

    def _found(self, features, pending):
        """Means of what met the constraints, and of what runs and is to meet them."""
        if self._limits and len(pending):
            met = [p.predict(pending)[0] <= bound for p, bound in self._limits]
            pending = pending[np.all(met, axis=0)]
        means, _ = self.predict(np.vstack([features, pending]))
        return means

    def _free(self, reached=()):
        """Boxes of what the front does not dominate."""
        best, worst = self._ends
        means = self._means
        front = np.vstack([means, *[reached] * bool(len(reached))])
        front = front[layers(front) == 0] if len(front) else worst[None]
        extent = np.ptp(front, axis=0)
        end = np.where(extent > 0, front.max(0), np.maximum(worst, front.max(0)))
        extent = np.where(extent > 0, extent, np.maximum(worst - best, 1e-3))
        return boxes(means, end + _BEYOND * extent)

    def _incumbents(self, features, losses, feasible):
        rows = np.flatnonzero(feasible)
        if not len(rows):
            # Those nearest to what is asked for.
            return np.argsort(-self.values(features), kind="stable")[:_FEW]
        found = rows[order(losses[rows], 0)]
        front = int((layers(losses[rows]) == 0).sum())
        if front > _MANY:
            return found[np.linspace(0, front - 1, _MANY).round().astype(int)]
        return found[: max(front, _FEW)]


class Extreme:
    """How good a trial is by one objective, and a little by the others.

    It is a model as a `FrontSurrogate` is, of means instead of improvements.

    Args:
        surrogate: `FrontSurrogate`.
        column: Integer. The objective.
        count: Integer. How many there are.
    """

    def __init__(self, surrogate, column, count):
        self._surrogate = surrogate
        self._shares = np.full(count, _LITTLE)
        self._shares[column] = 1.0

    def values(self, features):
        """Returns how good trials `(m,)` are, more being better."""
        means, _ = self._surrogate.predict(features)
        return self._surrogate.weights(features) - means @ self._shares

    def gradient(self, features):
        """Returns how good one trial is, and the gradient by features."""
        total, slope = self._surrogate.gradient_of_weights(features)
        means, _, slopes, _ = self._surrogate.gradient_of_prediction(features)
        return float(total - means @ self._shares), slope - self._shares @ slopes


def _bounded(constraint, values):
    """Returns values and bound of a constraint warped alike, and slopes of the map.

    What is to be less is better. Counts and times, which are positive, are seen on a
    logarithmic scale, so that a bound of another magnitude is not out of sight.
    """
    given, slopes = np.r_[values, constraint.bound], np.ones(len(values))
    if (given > 0).all():
        given, slopes = np.log(given), 1 / values
    sign = 1.0 if constraint.direction == "min" else -1.0
    warp = Warp(sign * given)
    return warp.targets[:-1], slopes * warp.slopes[:-1], warp.targets[-1]


def _log_probability_below(bound, mean, deviation):
    """Returns `log P(y <= bound)` of a normal `y`, and its derivatives."""
    z = (bound - mean) / deviation
    value = log_ndtr(z)
    slope = np.exp(-0.5 * z * z - _LOG_ROOT - value) / deviation
    return value, -slope, -z * slope
