import numpy as np
import pytest
from scipy.optimize import nnls
from sklearn.metrics import log_loss

from kdl.evaluation import ensemble_weights

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 4, 200)
SURE = RNG.dirichlet(np.ones(4), (3, 200)) + np.eye(4)[Y] * [[[0.2]], [[0.5]], [[1.0]]]
PREDICTIONS = SURE / SURE.sum(-1, keepdims=True)


def test_nll_is_the_least_on_the_simplex():
    """As expectation maximization finds it, step by step."""
    right = PREDICTIONS[:, np.arange(200), Y]
    w = np.full(3, 1 / 3)
    for _ in range(20_000):
        w = (w[:, None] * right / (w @ right)).mean(axis=1)
    found = ensemble_weights(PREDICTIONS, Y)
    np.testing.assert_allclose(found, w, atol=1e-4)
    assert found.sum() == pytest.approx(1)


def test_squares_are_the_least_on_the_simplex():
    truth = RNG.normal(size=300)
    numbers = truth + RNG.normal(size=(3, 300)) * [[0.5], [1.0], [2.0]]
    # A heavy row keeps the sum of nonnegative least squares at one.
    rows = np.vstack([numbers.T, np.full((1, 3), 1e6)])
    desired, _ = nnls(rows, np.append(truth, 1e6))
    found = ensemble_weights(numbers, truth[:, None], loss="squared")
    np.testing.assert_allclose(found, desired, atol=1e-4)


def test_squares_of_classes_are_those_of_one_hot_targets():
    found = ensemble_weights(PREDICTIONS, Y, loss="squared")
    flat = PREDICTIONS.reshape(3, -1)
    desired = ensemble_weights(flat, np.eye(4)[Y].ravel(), loss="squared")
    np.testing.assert_allclose(found, desired, atol=1e-6)


def test_is_no_worse_than_any_member_or_the_mean():
    found = ensemble_weights(PREDICTIONS, Y)
    ours = log_loss(Y, np.average(PREDICTIONS, axis=0, weights=found))
    others = [*PREDICTIONS, PREDICTIONS.mean(0)]
    assert ours <= min(log_loss(Y, p) for p in others) + 1e-9


def test_a_member_that_only_harms_gets_nothing():
    wrong = np.where(np.eye(4)[Y] > 0, 0.01, 0.33)
    assert ensemble_weights([PREDICTIONS[2], wrong], Y)[1] == 0


def test_one_example_is_enough():
    """Between 1 and 4, the mean is 2 with a third of the latter."""
    found = ensemble_weights([[1.0], [4.0]], [2.0], loss="squared")
    np.testing.assert_allclose(found, [2 / 3, 1 / 3], atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"predictions": PREDICTIONS * 2},
            "`predictions` must be probabilities of shape (members, examples, classes),"
            " which sum to 1. Received: numbers from {:.4g}, with sums from 2 to 2",
        ),
        (
            {"y": Y[:3]},
            "`y` must be 200 integers in [0, 4). Received: int64 of shape (3,)",
        ),
        (
            {"y": Y + 1},
            "`y` must be 200 integers in [0, 4). Received: 4",
        ),
        (
            {"loss": "log"},
            "`loss` must be one of 'nll', 'squared'. Received: loss='log'",
        ),
        (
            {"predictions": np.ones((2, 3)), "y": np.ones(4), "loss": "squared"},
            "`y` must be 3 finite numbers. Received: shape=(4,)",
        ),
        (
            {"predictions": np.ones((2, 0)), "y": [], "loss": "squared"},
            "`predictions` must be finite numbers of shape (members, examples). "
            "Received: shape=(2, 0)",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        ensemble_weights(**{"predictions": PREDICTIONS, "y": Y, **arguments})
    assert str(error.value) == message.format(2 * PREDICTIONS.min())
