import warnings

import numpy as np
import pytest
from scipy.linalg import sqrtm

from kdl.metrics import frechet_distance

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)


def of_moments(mean, covariance, count=50):
    """Examples that have exactly this mean and covariance."""
    draws = RNG.normal(size=(count, len(mean)))
    draws -= draws.mean(0)
    white = draws @ np.linalg.inv(np.linalg.cholesky(np.cov(draws.T))).T
    return mean + white @ np.linalg.cholesky(covariance).T


def covariance(size):
    factor = RNG.normal(size=(size, size))
    return factor @ factor.T


def by_sqrtm(a, b):
    """As clean-fid and torch-fidelity have it."""
    root = sqrtm(np.cov(a.T) @ np.cov(b.T))
    gap = np.sum((a.mean(0) - b.mean(0)) ** 2)
    traces = np.trace(np.cov(a.T)) + np.trace(np.cov(b.T))
    return gap + traces - 2 * np.trace(root).real


def test_of_exact_moments_is_the_closed_form():
    """In the plane, the trace of a root has one: sqrt(trace + 2 sqrt(det))."""
    (mean_a, mean_b), (a, b) = RNG.normal(size=(2, 2)), (covariance(2), covariance(2))
    product = a @ b
    shared = np.sqrt(np.trace(product) + 2 * np.sqrt(np.linalg.det(product)))
    desired = np.sum((mean_a - mean_b) ** 2) + np.trace(a + b) - 2 * shared
    actual = frechet_distance(of_moments(mean_a, a), of_moments(mean_b, b, 80))
    np.testing.assert_allclose(actual, desired, rtol=1e-9)


def test_of_many_draws_is_that_of_their_distributions():
    """The mean of 30 lies within four standard errors, and the bias of 4,000 draws."""
    gap, deviations = np.array([1.0, 0, -0.5]), np.array([[1.0, 2, 0.1], [3, 2, 0.5]])
    desired = np.sum(gap**2) + np.sum((deviations[0] - deviations[1]) ** 2)
    count, repetitions = 4000, 30
    found = []
    for _ in range(repetitions):
        a, b = RNG.normal(size=(2, count, 3)) * deviations[:, np.newaxis]
        found.append(frechet_distance(a, gap + b))
    error = np.std(found, ddof=1) / np.sqrt(repetitions)
    bias = np.sum(deviations**2) / count
    assert error < 0.01 * desired
    assert abs(np.mean(found) - desired) < 4 * error + bias


@pytest.mark.parametrize("size", [1, 3, 20])
def test_is_that_of_a_root_of_the_product(size):
    a = RNG.normal(size=(60, size)) @ covariance(size)
    b = 1 + RNG.normal(size=(90, size)) @ covariance(size)
    if size == 1:
        desired = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    else:
        desired = by_sqrtm(a, b)
    np.testing.assert_allclose(frechet_distance(a, b), desired, rtol=1e-6)
    np.testing.assert_allclose(frechet_distance(b, a), desired, rtol=1e-6)


def test_takes_singular_covariances():
    """Features that never change, as of dead units, or that repeat others."""
    gap, a, b = np.zeros(4), np.diag([1.0, 4, 0, 0]), np.diag([9.0, 0, 0, 1])
    some = RNG.normal(size=(50, 2))
    white = of_moments(np.zeros(2), np.eye(2))
    ours = white @ np.eye(2, 4) * np.sqrt(np.diag(a))
    theirs = np.zeros((50, 4))
    theirs[:, [0, 3]] = white * [3, 1]
    desired = np.sum((np.sqrt(np.diag(a)) - np.sqrt(np.diag(b))) ** 2) + gap.sum()
    np.testing.assert_allclose(frechet_distance(ours, theirs), desired, atol=1e-9)
    repeated = np.concatenate([some, some], 1)
    assert frechet_distance(repeated, repeated) < 1e-9


def test_of_equal_moments_is_0_and_no_less():
    a = RNG.normal(size=(200, 10)) * 1e3
    assert 0 <= frechet_distance(a, a[::-1]) < 1e-6
    assert frechet_distance(a, a + 1) == pytest.approx(10)


def test_warns_once_of_fewer_examples_than_features():
    a, b = RNG.normal(size=(8, 8)), RNG.normal(size=(100, 8))
    with pytest.warns(UserWarning) as caught:
        found = frechet_distance(a, b)
    (warning,) = caught
    assert str(warning.message) == (
        "A Fréchet distance of 8 examples in 8 features is too large, by an amount "
        "that depends on their number: the covariance of no more examples than "
        "features is singular. Compare it only with figures of the same numbers, and "
        "take 80 examples or more."
    )
    assert warning.filename == __file__
    shared = np.sqrt(np.maximum(np.linalg.eigvals(np.cov(a.T) @ np.cov(b.T)).real, 0))
    traces = np.trace(np.cov(a.T)) + np.trace(np.cov(b.T))
    desired = np.sum((a.mean(0) - b.mean(0)) ** 2) + traces - 2 * shared.sum()
    np.testing.assert_allclose(found, desired, rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(np.concatenate([a, a[:1]]), b)


@pytest.mark.parametrize(
    ("a", "message"),
    [
        (
            np.ones((1, 3)),
            "`a` must be an array of two or more rows of numbers. Received: "
            "shape=(1, 3)",
        ),
        (
            "features",
            "`a` must be an array of two or more rows of numbers. Received: "
            "a='features'",
        ),
        (
            [[1.0], [2.0, 3.0]],
            "`a` must be an array of two or more rows of numbers. Received: "
            "a=[[1.0], [2.0, 3.0]]",
        ),
        (
            np.ones((5, 3, 1)),
            "`a` must have the shape (examples, features). Received: shape=(5, 3, 1)",
        ),
        (
            np.full((5, 3), np.nan),
            "`a` must have finite numbers. Received: 15 that are not",
        ),
        (
            np.ones((5, 4)),
            "`a` and `b` must have as many features. Received: 4 and 3",
        ),
    ],
)
def test_refuses_what_has_no_distance(a, message):
    with pytest.raises(ValueError) as error:
        frechet_distance(a, np.eye(5, 3))
    assert str(error.value) == message
