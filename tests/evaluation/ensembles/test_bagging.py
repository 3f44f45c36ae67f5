import numpy as np
import pytest
from lookups import check_asks_the_first_model, lookup
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from kdl.evaluation import bagging
from kdl.evaluation.ensembles.bagging import out_of_bag

pytestmark = pytest.mark.one_backend

FEATURES, Y = load_iris(return_X_y=True)
ROWS = np.arange(150)


def train(x, y, n):
    tree = DecisionTreeClassifier(max_depth=2, random_state=n).fit(FEATURES[x], y)
    return lookup(tree.predict_proba(FEATURES))


def test_out_of_bag_is_that_of_scikit_learn():
    tree = DecisionTreeClassifier(max_depth=2)
    reference = BaggingClassifier(tree, 30, oob_score=True, random_state=0)
    reference.fit(FEATURES, Y)
    predictions = [tree.predict_proba(FEATURES) for tree in reference.estimators_]
    found = out_of_bag(predictions, reference.estimators_samples_)
    np.testing.assert_allclose(found, reference.oob_decision_function_)


def test_scores_what_is_out_of_the_bag():
    found = bagging(train, ROWS, Y, 8, seed=1, from_logits=False)
    total, count = np.zeros((150, 3)), np.zeros(150)
    models = [train(rows, Y[rows], n) for n, rows in enumerate(found.samples)]
    tables = [model.predict(ROWS, verbose=0) for model in models]
    for rows, table in zip(found.samples, tables, strict=True):
        for row in set(ROWS) - set(rows):
            total[row] += table[row]
            count[row] += 1
    known = count > 0
    mean = total[known] / count[known, None]
    np.testing.assert_allclose(found.out_of_bag[known], mean, atol=1e-6)
    assert np.isnan(found.out_of_bag[~known]).all()
    assert found.score == pytest.approx(accuracy_score(Y[known], mean.argmax(1)))
    outputs = found.model.predict(ROWS, verbose=0)
    np.testing.assert_allclose(outputs, np.mean(tables, 0), atol=1e-6)


def test_samples_are_those_of_a_bootstrap():
    rows = np.arange(10_000)
    nothing = lookup(np.zeros((10_000, 2)))

    def samples(seed):
        return bagging(lambda *args: nothing, rows, 0 * rows, 4, seed).samples

    found = samples(0)
    missing = np.array([10_000 - len(set(sample)) for sample in found])
    # As of boxes that stay empty, whose number varies by n (1/e - 2/e²).
    standard_error = np.sqrt(10_000 * (np.exp(-1) - 2 * np.exp(-2)) / 4)
    desired = 10_000 * (1 - 1 / 10_000) ** 10_000
    assert abs(missing.mean() - desired) < 4 * standard_error
    np.testing.assert_array_equal(found, samples(0))
    assert (found != samples(1)).any()


def test_hard_votes_are_counted_out_of_the_bag():
    found = bagging(train, ROWS, Y, 5, voting="hard", from_logits=False)
    known = found.out_of_bag[~np.isnan(found.out_of_bag).any(1)]
    np.testing.assert_allclose(known.sum(1), 1)
    counts = np.array([1, 2, 3, 4, 5])[:, None, None] * known
    assert (np.abs(counts - np.rint(counts)).max((1, 2)) > 1e-9).any()


def test_numbers_are_scored_by_r2():
    features, y = load_diabetes(return_X_y=True)

    def fit(x, y, n):
        tree = DecisionTreeRegressor(max_depth=3, random_state=n).fit(features[x], y)
        return lookup(tree.predict(features)[:, None])

    found = bagging(fit, np.arange(442), y, 10, voting="mean")
    known = ~np.isnan(found.out_of_bag[:, 0])
    desired = r2_score(y[known], found.out_of_bag[known, 0])
    assert found.score == pytest.approx(desired) and desired > 0.2


def test_refuses_bad_arguments():
    for arguments, message in (
        (
            {"members": 1},
            "`members` must be an integer in [2, inf). Received: members=1",
        ),
        (
            {"voting": "loud"},
            "`voting` must be one of 'soft', 'hard', 'mean'. Received: voting='loud'",
        ),
        (
            {"train": lambda *args: None},
            "`train` must return a keras.Model. Received: None",
        ),
        (
            {"seed": -1},
            "`seed` must be an integer in [0, 4294967296). Received: seed=-1",
        ),
        (
            {"y": np.eye(3, dtype=int)[Y]},
            "`y` must be integers in [0, inf) of shape (examples,). Received: int64 of "
            "shape (150, 3)",
        ),
        (
            {"y": np.where(Y, np.inf, 0), "voting": "mean"},
            "`y` must be finite numbers of shape (examples, …). Received: numbers that "
            "are not finite",
        ),
    ):
        with pytest.raises(ValueError) as error:
            bagging(**{"train": train, "x": ROWS, "y": Y, **arguments})
        assert str(error.value) == message


def test_asks_the_first_model_whether_it_returns_logits():
    check_asks_the_first_model(bagging, np.eye(3)[Y * (ROWS % 5 > 0)], ROWS, Y)
