import numpy as np
import pytest
from scipy.linalg import sqrtm

from kdl.metrics import density_coverage, frechet_distance, precision_recall

pytestmark = pytest.mark.one_backend
RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(60, 4))
MADE = RNG.normal(0.3, 1.5, size=(50, 4))


def exactly(mean, covariance, count=50):
    """Numbers that have a mean and a covariance."""
    x = np.random.default_rng(1).normal(size=(count, len(mean)))
    x -= x.mean(0)
    x = np.linalg.solve(np.linalg.cholesky(np.cov(x.T)), x.T).T
    return mean + x @ np.linalg.cholesky(covariance).T


def distances(one, other):
    return np.linalg.norm(one[:, np.newaxis] - other, axis=-1)


def radii(features, k):
    return np.sort(distances(features, features), axis=1)[:, k]


class TestFrechetDistance:
    def test_of_normal_distributions_is_known(self):
        # Of covariances with the same axes: the differences of the deviations.
        one, other = np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.5, 3.0])
        means = np.zeros(3), np.array([1.0, -2.0, 0.5])
        found = frechet_distance(
            exactly(means[0], np.diag(one**2)), exactly(means[1], np.diag(other**2))
        )
        expected = np.sum((means[1]) ** 2) + np.sum((one - other) ** 2)
        np.testing.assert_allclose(found, expected, rtol=1e-9)

    def test_is_that_of_the_square_root_of_a_matrix(self):
        """As torch-fidelity and clean-fid compute it."""
        one, other = np.cov(REAL.T), np.cov(MADE.T)
        root = sqrtm(one @ other).real
        difference = REAL.mean(0) - MADE.mean(0)
        expected = difference @ difference + np.trace(one + other - 2 * root)
        np.testing.assert_allclose(frechet_distance(REAL, MADE), expected, rtol=1e-9)

    def test_is_symmetric_and_zero_of_the_same(self):
        assert frechet_distance(REAL, REAL) < 1e-10
        np.testing.assert_allclose(
            frechet_distance(REAL, MADE), frechet_distance(MADE, REAL), rtol=1e-9
        )

    def test_takes_fewer_examples_than_features(self):
        few = RNG.normal(size=(5, 20))
        assert np.isfinite(frechet_distance(few, few + 1))
        np.testing.assert_allclose(frechet_distance(few, few + 1), 20, rtol=1e-6)


def test_precision_and_recall_are_those_of_loops():
    for k in (1, 3, 5):
        between = distances(REAL, MADE)
        balls, others = radii(REAL, k), radii(MADE, k)
        precision = np.mean(
            [any(between[i, j] <= balls[i] for i in range(60)) for j in range(50)]
        )
        recall = np.mean(
            [any(between[i, j] <= others[j] for j in range(50)) for i in range(60)]
        )
        assert precision_recall(REAL, MADE, k) == (precision, recall)
    assert precision_recall(REAL, REAL) == (1, 1)
    assert precision_recall(REAL, MADE + 100) == (0, 0)


def test_density_and_coverage_are_those_of_loops():
    for k in (1, 3, 5):
        inside = distances(REAL, MADE) <= radii(REAL, k)[:, np.newaxis]
        density = np.mean([sum(inside[:, j]) / k for j in range(50)])
        coverage = np.mean([any(inside[i]) for i in range(60)])
        np.testing.assert_allclose(
            density_coverage(REAL, MADE, k), (density, coverage), rtol=1e-12
        )
    assert density_coverage(REAL, MADE + 100) == (0, 0)


@pytest.mark.parametrize("function", [precision_recall, density_coverage])
def test_takes_more_rows_than_it_compares_at_once(function):
    many = RNG.normal(size=(1100, 3))
    few = function(many[:600], many[500:])
    shuffled = RNG.permutation(600)
    np.testing.assert_allclose(function(many[:600][shuffled], many[500:]), few)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: frechet_distance(REAL, MADE[:1]),
            "`generated` must be finite numbers of shape (examples, features), of 2 "
            "examples or more. Received: shape (1, 4)",
        ),
        (
            lambda: frechet_distance(REAL, MADE[:, :3]),
            "`generated` must have 4 features, as `real` has. Received: 3",
        ),
        (
            lambda: frechet_distance(np.full((3, 2), np.nan), MADE),
            "`real` must be finite numbers of shape (examples, features), of 2 "
            "examples or more. Received: NaN or inf",
        ),
        (
            lambda: density_coverage(REAL, MADE[:5]),
            "`generated` must be finite numbers of shape (examples, features), of 6 "
            "examples or more. Received: shape (5, 4)",
        ),
        (
            lambda: precision_recall(REAL, MADE, 0),
            "`neighbours` must be an integer in [1, inf). Received: neighbours=0",
        ),
    ],
)
def test_refuses_what_cannot_be_compared(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message
