import numpy as np
import pytest

from kdl.evaluation import ConformalSets

pytestmark = pytest.mark.one_backend


def drawn(rng, count):
    """Probabilities that are wrong, and the classes of another distribution."""
    true = rng.dirichlet(np.ones(5), count)
    y = (rng.uniform(size=(count, 1)) > np.cumsum(true, 1)).sum(1)
    wrong = true**2 + 0.05
    return wrong / wrong.sum(1, keepdims=True), y


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_lac_covers_as_often_as_the_rank_says(coverage):
    """The mean over calibration sets is rank / (n + 1) exactly, as of a Beta."""
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        sets = ConformalSets(coverage)
        sets.fit(*drawn(rng, 50))
        found.append(sets.measure(*drawn(rng, 200))["coverage"])
    desired = np.ceil(51 * coverage) / 51
    standard_error = np.std(found) / np.sqrt(300)
    assert abs(np.mean(found) - desired) < 4 * standard_error
    assert desired >= coverage


def test_aps_covers_at_least_as_often():
    rng, found = np.random.default_rng(0), []
    for _ in range(200):
        sets = ConformalSets(0.8, "aps")
        sets.fit(*drawn(rng, 50))
        found.append(sets.measure(*drawn(rng, 200))["coverage"])
    assert np.mean(found) > 0.8 - 4 * np.std(found) / np.sqrt(200)


def test_rank_is_that_of_exact_numbers():
    """In floats, 100 times 0.07 is more than 7."""
    assert 100 * 0.07 > 7
    right = np.linspace(0.99, 0.01, 99)
    for percent in range(1, 100):
        sets = ConformalSets(percent / 100)
        sets.fit(np.stack([right, 1 - right], 1), np.zeros(99, int))
        assert sets.threshold == 1 - right[percent - 1]


def test_of_equally_likely_classes_the_first_is_first():
    sets = ConformalSets(0.5, "aps")
    sets.fit([[0.5, 0.5, 0.0]], [0])
    assert sets.threshold == 0.5
    np.testing.assert_array_equal(sets.predict([[0.5, 0.5, 0.0]]), [[1, 0, 0]])


# Sixteenths, whose sums are exact.
P = np.array([[10, 4, 2], [8, 2, 6], [4, 11, 1], [14, 1.5, 0.5]]) / 16


def test_lac_is_by_hand():
    sets = ConformalSets(0.5)
    # Scores of the right classes: 6, 10, 5 and 14.5 sixteenths, of which the third.
    sets.fit(P, [0, 2, 1, 1])
    assert sets.threshold == pytest.approx(10 / 16)
    desired = [[1, 0, 0], [1, 0, 1], [0, 1, 0], [1, 0, 0]]
    np.testing.assert_array_equal(sets.predict(P), desired)
    assert sets.measure(P, [0, 2, 1, 1]) == {"coverage": 0.75, "size": 1.25}
    assert not sets.predict([[0.34, 0.33, 0.33]]).any()


def test_aps_is_by_hand():
    sets = ConformalSets(0.5, "aps")
    # Sums up to the right classes: 10, 14, 11 and 15.5 sixteenths.
    sets.fit(P, [0, 2, 1, 1])
    assert sets.threshold == pytest.approx(14 / 16)
    desired = [[1, 1, 0], [1, 0, 1], [0, 1, 0], [1, 0, 0]]
    np.testing.assert_array_equal(sets.predict(P), desired)
    # Never empty.
    np.testing.assert_array_equal(sets.predict([[0.98, 0.01, 0.01]]), [[1, 0, 0]])


@pytest.mark.parametrize("score", ["lac", "aps"])
def test_holds_everything_if_there_are_too_few_examples(score):
    sets = ConformalSets(0.9, score)
    sets.fit(P, [0, 2, 1, 1])
    assert sets.threshold == np.inf and sets.predict(P).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"coverage": 1.0},
            "`coverage` must be a number in (0, 1). Received: coverage=1.0",
        ),
        (
            {"score": "raps"},
            "`score` must be one of 'lac', 'aps'. Received: score='raps'",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        ConformalSets(**arguments)
    assert str(error.value) == message


def test_refuses_to_predict_before_it_is_fitted():
    with pytest.raises(ValueError) as error:
        ConformalSets().predict(P)
    assert str(error.value) == (
        "`fit` must come before `predict`. Received: no examples"
    )
