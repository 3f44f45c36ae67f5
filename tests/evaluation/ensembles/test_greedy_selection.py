import itertools

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_squared_error

from kdl.evaluation import greedy_selection

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, 60)
PREDICTIONS = RNG.dirichlet(np.ones(3), (5, 60)) + np.eye(3)[Y] * 0.3
PREDICTIONS /= PREDICTIONS.sum(-1, keepdims=True)


def loss_of(members):
    return log_loss(Y, np.mean(PREDICTIONS[list(members)], axis=0))


def test_adds_what_is_best_beside_those_before():
    chosen = []
    for _ in range(6):
        chosen.append(min(range(5), key=lambda n: loss_of([*chosen, n])))
    lengths = range(1, 7)
    best = min(lengths, key=lambda length: loss_of(chosen[:length]))
    desired = np.bincount(chosen[:best], minlength=5)
    np.testing.assert_array_equal(greedy_selection(PREDICTIONS, Y, 6), desired)


def test_first_of_two_rounds_is_the_best_single_model():
    found = greedy_selection(PREDICTIONS, Y, 1)
    assert found.sum() == 1
    assert found.argmax() == min(range(5), key=lambda n: loss_of([n]))


def test_takes_a_model_several_times():
    """Here one model deserves twice the weight of another."""
    truth = np.array([1.0, 2.0, 3.0])
    error = np.array([1.0, -1.0, 2.0])
    numbers = [truth + error, truth - error / 2]
    counts = greedy_selection(
        numbers, truth, 9, lambda y, mean: ((y - mean) ** 2).mean()
    )
    assert counts[1] == 2 * counts[0] > 0
    several = itertools.combinations_with_replacement(range(2), 3)
    least = min(
        ((np.mean([numbers[n] for n in m], 0) - truth) ** 2).sum() for m in several
    )
    assert least == pytest.approx(0)


def test_never_does_worse_on_validation_than_the_best_model():
    counts = greedy_selection(PREDICTIONS, Y, 20)
    mean = np.average(PREDICTIONS, axis=0, weights=counts)
    assert log_loss(Y, mean) <= min(loss_of([n]) for n in range(5))


def test_refuses_bad_arguments():
    with pytest.raises(ValueError) as error:
        greedy_selection(PREDICTIONS, Y[:5], 3)
    assert str(error.value) == (
        "`predictions` must be of shape (models, 5, …), as `y` has 5 examples. "
        "Received: shape=(5, 60, 3)"
    )
    with pytest.raises(ValueError) as error:
        greedy_selection(PREDICTIONS, Y + 1, 3)
    assert str(error.value) == "`y` must be 60 integers in [0, 3). Received: 3"
    with pytest.raises(ValueError) as error:
        greedy_selection(PREDICTIONS, Y, 0)
    assert str(error.value) == (
        "`rounds` must be an integer in [1, inf). Received: rounds=0"
    )


def test_refuses_what_is_not_finite():
    """NaN counts as the least of some numbers."""
    numbers, truth = [[np.nan, np.nan], [1.0, 2.0]], [1.0, 2.0]
    with pytest.raises(ValueError) as error:
        greedy_selection(numbers, truth, 3, mean_squared_error)
    assert str(error.value) == (
        "`predictions` must be finite numbers of shape (models, 2, …). Received: "
        "numbers that are not finite"
    )
    with pytest.raises(ValueError) as error:
        greedy_selection(numbers[1:], truth, 3, lambda y, mean: np.nan)
    assert str(error.value) == "`loss` must return a number. Received: nan"
    with pytest.raises(ValueError) as error:
        greedy_selection(np.where(PREDICTIONS > 0.5, np.nan, PREDICTIONS), Y, 3)
    assert str(error.value) == (
        "`predictions` must be probabilities of shape (members, examples, classes), "
        "which sum to 1. Received: numbers that are not finite"
    )
