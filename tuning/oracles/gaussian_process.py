"""Gaussian process regression with priors on its parameters."""

import copy
import math

import numpy as np
from scipy.linalg import cho_solve, cholesky, lapack, solve_triangular
from scipy.optimize import minimize

_SQRT5 = math.sqrt(5)
# Added to the variance of the noise, so that a matrix of equal rows has a factor.
_JITTER = 1e-8
# Likewise, of a process without noise, in units of the variance of the signal.
_EXACT = 1e-6


class GaussianProcess:
    """Regression `y = f(x) + noise`, with a Matérn kernel of smoothness 5/2.

        k(x, x') = s (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r),
        r^2 = sum over g of |x_g - x'_g|^2 / l_g^2

    where `x_g` are the features of group `g`, such as the one-hot columns of one
    choice, which share a length scale `l_g`. Parameters are
    `theta = (log l_1, …, log l_G, log s, log v)`, `v` the variance of the noise. `fit`
    takes those of highest posterior density (MAP). Their priors are normal:

    - `log l_g` of mean `log(G) / 2 - 1.6` and variance 0.3. Distances grow as the root
      of the number of dimensions, and so do the length scales expected; the mean is
      the mode, in `l`, of the prior that Hvarfner et al. give. Their variance is 3;
      with less, that one scale is ten times another takes many trials to believe;
    - `log s` of mean 0 and variance 0.5, for `y` of variance 1;
    - `log v` of mean -9 and variance 9.

    Without priors, a few trials in many dimensions fit anything. scikit-learn's
    process, which has none, is the reference in the tests of all formulas here.

    Args:
        groups: Array of `D` integers from 0. The group of each feature.
        noise: Optional float in `(0, inf)`. Fixed `v`. Defaults to `None`, fitted.

    Attributes:
        theta: Array of the parameters.
        rough: Array of parameters to begin with when they are fitted.

    References:
        - [Rasmussen and Williams, 2006](https://gaussianprocess.org/gpml/), chapters
          2, 4 and 5
        - [Hvarfner et al., 2024](https://arxiv.org/abs/2402.02229)
    """

    def __init__(self, groups, noise=None):
        self.groups = np.asarray(groups)
        self.noise = noise
        count = int(self.groups.max()) + 1
        self._mean = np.r_[np.full(count, 0.5 * math.log(count) - 1.6), 0.0, -9.0]
        self._variance = np.r_[np.full(count, 0.3), 0.5, 9.0]
        # Begins with less smooth functions than expected: from there, the way to
        # smooth ones is downhill, while from a flat start it may not be found.
        self.rough = np.r_[np.full(count, math.log(0.5)), 0.0, -7.0]
        self._bounds = [(-4.0, 5.0)] * count + [(-3.0, 3.0), (-14.0, 0.5)]
        if noise is not None:
            self._bounds[-1] = (math.log(noise),) * 2
        self.theta = self._mean.copy()

    @property
    def noise_variance(self):
        """Float. `v`."""
        return math.exp(self.theta[-1])

    def fit(self, x, y, extra=0.0, starts=None, most=60):
        """Takes the parameters of highest posterior density, and conditions on data.

        Args:
            x: Array `(n, D)` of features.
            y: Array `(n,)`, of mean 0 and variance 1 or so.
            extra: Array `(n,)`, or float. Variances of noise known beforehand, which
                come on top of `v`.
            starts: Sequence of arrays of parameters to begin with. Defaults to
                `[self.rough]`.
            most: Integer. Iterations from each start.
        """
        squares = self._squares(x)

        def loss(theta):
            value, gradient = self._likelihood(theta, squares, y, extra)
            prior, slope = self.log_prior(theta)
            return -value - prior, -gradient - slope

        found = [
            minimize(
                loss,
                np.clip(start, *np.transpose(self._bounds)),
                jac=True,
                method="L-BFGS-B",
                bounds=self._bounds,
                options={"maxiter": most},
            )
            for start in (starts or [self.rough])
        ]
        self.theta = min(found, key=lambda result: result.fun).x
        return self.condition(x, y, extra)

    def condition(self, x, y, extra=0.0):
        """Conditions on data, as of `fit`, with the parameters that are."""
        *_, log_noise = self.theta
        self._scales = np.exp(-self.theta[:-2])[self.groups]
        self._signal = math.exp(self.theta[-2])
        self._x, self._scaled = x, x * self._scales
        kernel, _, _ = self._kernel(self._scaled)
        kernel[np.diag_indices(len(x))] += math.exp(log_noise) + _JITTER + extra
        self._factor = cholesky(kernel, lower=True, check_finite=False)
        self._weights = cho_solve((self._factor, True), y, check_finite=False)
        return self

    def sampled(self, normals, more):
        """Draws `f` at the data and at more points, given the data.

        Args:
            normals: Array `(n + m, S)` of standard normal numbers, for `S` samples.
            more: Array `(m, D)` of features.

        Returns:
            Tuple of the samples `(n + m, S)`, and of a `GaussianProcess` conditioned on
            them, without noise. Its means are `(m, S)`, and its deviations `(m, 1)`.
        """
        other = copy.copy(self)
        other.theta = np.r_[self.theta[:-1], math.log(_EXACT * self._signal)]
        x = np.vstack([self._x, more])
        kernel, _, _ = self._kernel(x * self._scales)
        half = solve_triangular(self._factor, kernel.T, lower=True, check_finite=False)
        other._scaled = x * self._scales
        covariance, _, _ = other._kernel(other._scaled)
        covariance -= half.T @ half
        covariance[np.diag_indices(len(x))] += _EXACT * self._signal
        factor = cholesky(covariance, lower=True, check_finite=False)
        samples = (kernel @ self._weights)[:, np.newaxis] + factor @ normals
        return samples, other.condition(x, samples)

    def predict(self, x):
        """Returns mean and standard deviation of `f`, each `(m,)`, at `x` `(m, D)`."""
        kernel, _, _ = self._kernel(x * self._scales)
        half = solve_triangular(self._factor, kernel.T, lower=True, check_finite=False)
        variance = self._signal - np.einsum("nm,nm->m", half, half)
        deviation = np.sqrt(np.maximum(variance, 1e-12))
        # Of samples, one for all of them.
        deviation = deviation.reshape(-1, *(1,) * (self._weights.ndim - 1))
        return kernel @ self._weights, deviation

    def gradient(self, x):
        """Returns mean, standard deviation and their gradients `(D,)` at `x` `(D,)`.

        The means of samples are `(S,)`, and their gradients `(S, D)`.
        """
        kernel, distance, decay = self._kernel((x * self._scales)[None])
        (kernel,), (distance,), (decay,) = kernel, distance, decay
        slope = -self._signal * 5 / 3 * (1 + _SQRT5 * distance) * decay
        slopes = slope[:, None] * (x - self._x) * self._scales**2
        solved = cho_solve((self._factor, True), kernel, check_finite=False)
        deviation = math.sqrt(max(self._signal - kernel @ solved, 1e-12))
        mean = kernel @ self._weights
        slope = -(solved @ slopes) / deviation
        return mean, deviation, self._weights.T @ slopes, slope

    def log_likelihood(self, theta, x, y, extra=0.0):
        """Returns the log of the marginal likelihood, and its gradient by `theta`."""
        return self._likelihood(theta, self._squares(x), y, extra)

    def log_prior(self, theta):
        """Returns the log of the priors' density, but for a constant, and gradient."""
        away = (theta - self._mean) / self._variance
        return -0.5 * away @ (theta - self._mean), -away

    def _squares(self, x):
        """Squared distances `(G, n, n)`, a group each."""
        squares = np.zeros((len(self._mean) - 2, len(x), len(x)))
        for column, group in zip(x.T, self.groups, strict=True):
            squares[group] += np.subtract.outer(column, column) ** 2
        return squares.reshape(len(squares), -1)

    def _likelihood(self, theta, squares, y, extra):
        count = len(y)
        weights, signal = np.exp(-2 * theta[:-2]), math.exp(theta[-2])
        noise = math.exp(theta[-1])
        distance = np.sqrt(weights @ squares).reshape(count, count)
        decay = np.exp(-_SQRT5 * distance)
        rise = 1 + _SQRT5 * distance
        kernel = signal * (rise + 5 / 3 * distance * distance) * decay
        matrix = kernel.copy()
        matrix[np.diag_indices(count)] += noise + _JITTER + extra
        factor, failed = lapack.dpotrf(matrix, lower=1, clean=1)
        if failed:
            return -1e10, np.zeros_like(theta)
        solved = cho_solve((factor, True), y, check_finite=False)
        value = (
            -0.5 * y @ solved
            - np.log(np.diag(factor)).sum()
            - 0.5 * count * math.log(2 * math.pi)
        )
        inverse, _ = lapack.dpotri(factor, lower=1)
        # Which fills the lower half alone.
        inverse = inverse + inverse.T
        inverse[np.diag_indices(count)] /= 2
        change = np.outer(solved, solved) - inverse
        by_square = (change * (5 / 3 * signal * rise * decay)).ravel()
        gradient = np.empty_like(theta)
        gradient[:-2] = 0.5 * weights * (squares @ by_square)
        gradient[-2] = 0.5 * np.vdot(change, kernel)
        gradient[-1] = 0.5 * noise * np.trace(change)
        return value, gradient

    def _kernel(self, scaled):
        """Kernel, distances `r` and `exp(-sqrt(5) r)` to the data, each `(m, n)`."""
        data = self._scaled
        squares = (scaled**2).sum(1)[:, None] + (data**2).sum(1) - 2 * scaled @ data.T
        distance = np.sqrt(np.maximum(squares, 0))
        decay = np.exp(-_SQRT5 * distance)
        kernel = (1 + _SQRT5 * distance + 5 / 3 * distance**2) * decay
        return self._signal * kernel, distance, decay
