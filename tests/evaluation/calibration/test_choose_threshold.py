import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from kdl.evaluation import choose_threshold

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
Y = RNG.integers(0, 2, 200)
# Rounded, so that several have the same score.
SCORES = np.round(RNG.normal(size=200) + Y, 1)
CANDIDATES = np.unique(SCORES)


def of(value):
    called = value <= SCORES
    return precision_score(Y, called), recall_score(Y, called)


@pytest.mark.parametrize("least", [0.6, 0.75, 0.9])
def test_precision_is_reached_with_the_greatest_recall(least):
    found = choose_threshold(SCORES, Y, precision=least)
    assert (found.precision, found.recall) == pytest.approx(of(found.value))
    assert found.precision >= least and found.cost is None
    enough = [of(value)[1] for value in CANDIDATES if of(value)[0] >= least]
    assert found.recall == pytest.approx(max(enough))


@pytest.mark.parametrize("least", [0.5, 0.9, 1.0])
def test_recall_is_reached_with_the_greatest_precision(least):
    found = choose_threshold(SCORES, Y, recall=least)
    assert (found.precision, found.recall) == pytest.approx(of(found.value))
    assert found.recall >= least
    enough = [of(value)[0] for value in CANDIDATES if of(value)[1] >= least]
    assert found.precision == pytest.approx(max(enough))


@pytest.mark.parametrize(
    "costs", [[[0, 1], [1, 0]], [[0, 1], [10, 0]], [[0, 5], [1, -2]]]
)
def test_costs_are_the_least(costs):
    costs = np.array(costs)
    found = choose_threshold(SCORES, Y, costs=costs)
    each = [costs[Y, (v <= SCORES).astype(int)].mean() for v in [*CANDIDATES, np.inf]]
    assert found.cost == pytest.approx(min(each))
    called = (found.value <= SCORES).astype(int)
    assert costs[Y, called].mean() == pytest.approx(found.cost)


def test_costs_of_many_scores_are_counted_once():
    """A confusion matrix for each threshold would take hours."""
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 200_000)
    scores = rng.permutation(200_000) + 50_000.5 * y
    found = choose_threshold(scores, y, costs=[[0, 1], [3, 0]])
    # From the greatest score down, each one is called positive in its turn.
    order = np.argsort(-scores, kind="stable")
    total = 3 * y.sum() + np.cumsum(np.where(y[order], -3, 1))
    assert found.cost == pytest.approx(total.min() / 200_000)


def test_nothing_is_positive_where_that_costs_too_much():
    found = choose_threshold(SCORES, Y, costs=[[0, 1000], [1, 1000]])
    assert found.value == np.inf and found.recall == 0
    assert found.cost == pytest.approx(Y.mean())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {},
            "One of `precision`, `recall` and `costs` must be given. Received: none",
        ),
        (
            {"precision": 0.5, "recall": 0.5},
            "One of `precision`, `recall` and `costs` must be given. Received: "
            "precision and recall",
        ),
        (
            {"precision": 1.5},
            "`precision` must be a number in (0, 1]. Received: precision=1.5",
        ),
        (
            {"costs": [1, 2]},
            "`costs` must be finite numbers of shape (2, 2). Received: shape=(2,)",
        ),
        (
            {"y": np.ones(200, int), "recall": 0.5},
            "`y` must have both classes, 0 and 1. Received: nothing but 1",
        ),
        (
            {"scores": -SCORES, "precision": 0.999},
            "`precision` must be one that a threshold has, up to {:.4g}. Received: "
            "precision=0.999",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        choose_threshold(**{"scores": SCORES, "y": Y, **arguments})
    best = max(precision_score(Y, -value <= -SCORES) for value in CANDIDATES)
    assert str(error.value) == message.format(best)
