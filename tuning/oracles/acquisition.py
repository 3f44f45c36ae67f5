"""What a trial is expected to be worth, for a score to be minimized."""

import math

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

_LOG_ROOT = 0.5 * math.log(2 * math.pi)
# By which `pi` wants the best to be beaten, for scores of variance 1: else it would
# only ever stay where it is.
_MARGIN = 0.01


def log_expected_improvement(mean, deviation, best):
    """Returns `log(EI)` and its derivatives by mean and standard deviation.

    With `z = (best - mean) / deviation` and `h(z) = phi(z) + z Phi(z)`,
    `EI = deviation h(z)` and `log EI = log deviation + log h(z)`, which has a gradient
    where `EI` itself has long underflown to zero. `h` is taken by its asymptotic form
    far to the left.

    Args:
        mean: Array of means of the score.
        deviation: Array of standard deviations, of the same shape, positive.
        best: Float. Score to improve on.

    References:
        - [Jones et al., 1998](https://doi.org/10.1023/A:1008306431147), `EI`
        - [Ament et al., 2023](https://arxiv.org/abs/2310.20708), its logarithm
    """
    z = (best - mean) / deviation
    log_h = _log_h(z)
    by_mean = -np.exp(log_ndtr(z) - log_h) / deviation
    by_deviation = np.exp(-0.5 * z * z - _LOG_ROOT - log_h) / deviation
    return np.log(deviation) + log_h, by_mean, by_deviation


def log_probability_of_improvement(mean, deviation, best):
    """Returns `log Phi((best - 0.01 - mean) / deviation)` and its derivatives.

    Arguments are those of `log_expected_improvement`. The logarithm changes nothing
    in which trial is the best; far from it, it still says where to go.

    References:
        - [Kushner, 1964](https://doi.org/10.1115/1.3653121)
    """
    z = (best - _MARGIN - mean) / deviation
    value = log_ndtr(z)
    slope = np.exp(-0.5 * z * z - _LOG_ROOT - value) / deviation
    return value, -slope, -z * slope


def confidence_bound(mean, deviation, beta):
    """Returns `beta deviation - mean`, the negative lower bound, and its derivatives.

    Args:
        mean: Array of means of the score.
        deviation: Array of standard deviations, of the same shape.
        beta: Float in `[0, inf)`.

    References:
        - [Srinivas et al., 2010](https://arxiv.org/abs/0912.3995), who call the square
          of it beta
    """
    ones = np.ones_like(mean)
    return beta * deviation - mean, -ones, beta * ones


def log_probability_of_success(mean, deviation):
    """Returns `log Phi(mean / sqrt(1/4 + deviation^2))` and its derivatives.

    That is, for a process of 1 where trials succeeded and -1 where they failed, seen
    through a noise of 1/2, the probability that it is positive.

    Args:
        mean: Array of means of the process.
        deviation: Array of standard deviations, of the same shape.
    """
    spread = np.sqrt(0.25 + deviation**2)
    z = mean / spread
    value = log_ndtr(z)
    slope = np.exp(-0.5 * z * z - _LOG_ROOT - value) / spread
    return value, slope, -slope * z * deviation / spread


def log_mean(values):
    """Returns `log(mean(exp(values)))` over the last axis, and the share of each."""
    top = values.max(-1, keepdims=True)
    shares = np.exp(values - top)
    total = shares.sum(-1, keepdims=True)
    return (top + np.log(total / values.shape[-1]))[..., 0], shares / total


def _log_h(z):
    """`log(phi(z) + z Phi(z))`, also where its argument underflows."""
    z = np.asarray(z, float)
    left = np.minimum(z, -1.0)
    # phi(z) (1 + z Phi(z) / phi(z)), and for z -> -inf phi(z) / z^2.
    bracket = 1 + left * math.sqrt(math.pi / 2) * erfcx(-left / math.sqrt(2))
    far = left < -1e3
    bracket = np.where(far, 1 / (left * left), np.maximum(bracket, 1e-300))
    near = np.maximum(z, -1.0)
    return np.where(
        z > -1,
        np.log(np.exp(-0.5 * near * near - _LOG_ROOT) + near * ndtr(near)),
        np.log(bracket) - 0.5 * left * left - _LOG_ROOT,
    )
