import keras
import numpy as np
import pytest
from lookups import check_asks_the_first_model, lookup
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from kdl.evaluation import samme

FEATURES, Y = load_iris(return_X_y=True)
ROWS = np.arange(150)


def stump(x, y, sample_weight, n):
    """The weak learner of scikit-learn's AdaBoost, as a model."""
    tree = DecisionTreeClassifier(max_depth=1, random_state=0)
    tree.fit(FEATURES[x], y, sample_weight)
    return lookup(tree.predict_proba(FEATURES))


@pytest.mark.one_backend
@pytest.mark.parametrize("learning_rate", [1.0, 0.5])
def test_is_that_of_scikit_learn(learning_rate):
    found = samme(stump, ROWS, Y, 12, learning_rate, from_logits=False)
    tree = DecisionTreeClassifier(max_depth=1, random_state=0)
    reference = AdaBoostClassifier(tree, n_estimators=12, learning_rate=learning_rate)
    reference.fit(FEATURES, Y)
    np.testing.assert_allclose(found.weights, reference.estimator_weights_, rtol=1e-4)
    np.testing.assert_allclose(found.errors, reference.estimator_errors_, rtol=1e-4)
    votes = found.model.predict(ROWS, verbose=0)
    np.testing.assert_array_equal(votes.argmax(1), reference.predict(FEATURES))


@pytest.mark.one_backend
def test_ends_with_a_member_that_makes_no_error():
    perfect = lookup(np.eye(3)[Y])
    found = samme(lambda *args: perfect, ROWS, Y, 5, from_logits=False)
    assert found.errors.tolist() == [0] and found.weights.tolist() == [1]


@pytest.mark.one_backend
def test_leaves_out_a_member_that_is_no_better_than_chance():
    models = [stump(ROWS, Y, None, 0), lookup(np.roll(np.eye(3)[Y], 1, 1))]
    found = samme(lambda x, y, w, n: models[n], ROWS, Y, 5, from_logits=False)
    assert len(found.weights) == 1
    names = [layer.name for layer in found.model.layers]
    assert "member_1" in names and "member_2" not in names


@pytest.mark.one_backend
def test_counts_the_classes_that_there_are():
    """As scikit-learn does, of labels 0 and 5."""
    y = np.where(Y == 2, 5, 0)
    columns = np.array([0, 5])

    def train(x, y, sample_weight, n):
        tree = DecisionTreeClassifier(max_depth=1, random_state=0)
        tree.fit(FEATURES[x], y, sample_weight)
        table = np.zeros((150, 6))
        table[:, columns] = tree.predict_proba(FEATURES)
        return lookup(table)

    found = samme(train, ROWS, y, 4, from_logits=False)
    tree = DecisionTreeClassifier(max_depth=1, random_state=0)
    reference = AdaBoostClassifier(tree, n_estimators=4).fit(FEATURES, y)
    np.testing.assert_allclose(found.weights, reference.estimator_weights_, rtol=1e-4)


@pytest.mark.one_backend
def test_of_one_score_is_that_of_two():
    y = (Y == 2).astype("int32")

    def two(x, y, sample_weight, n):
        tree = DecisionTreeClassifier(max_depth=1, random_state=0)
        tree.fit(FEATURES[x], y, sample_weight)
        return lookup(tree.predict_proba(FEATURES))

    def one(*args):
        return lookup(two(*args).layers[-1].get_weights()[0][:, 1:])

    found, desired = (samme(f, ROWS, y, 4, from_logits=False) for f in (one, two))
    np.testing.assert_allclose(found.weights, desired.weights, rtol=1e-5)
    shares = found.model.predict(ROWS, verbose=0)[:, 0]
    np.testing.assert_allclose(shares, desired.model.predict(ROWS, verbose=0)[:, 1])


def test_networks_learn_from_the_weights():
    """One neuron cannot tell three classes apart; several of them can."""
    keras.utils.set_random_seed(0)
    x = ((FEATURES - FEATURES.mean(0)) / FEATURES.std(0)).astype("float32")

    def train(x, y, sample_weight, n):
        assert sample_weight.mean() == pytest.approx(1, abs=1e-5)
        layers = [keras.Input((4,)), keras.layers.Dense(1, "tanh")]
        model = keras.Sequential([*layers, keras.layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(0.1), loss)
        for _ in range(40):
            model.train_on_batch(x, y, sample_weight)
        return model

    found = samme(train, x, Y, 4)
    right = found.model.predict(x, verbose=0).argmax(1) == Y
    assert right.mean() > 1 - found.errors[0]


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"rounds": 0},
            "`rounds` must be an integer in [1, inf). Received: rounds=0",
        ),
        (
            {"learning_rate": 0},
            "`learning_rate` must be a number in (0, inf). Received: learning_rate=0",
        ),
        (
            {"y": np.array(["a", "b"])[ROWS % 2]},
            "`y` must be integers in [0, inf) of shape (examples,). Received: <U1 of "
            "shape (150,)",
        ),
        (
            {"y": ROWS % 2 - 1},
            "`y` must be integers in [0, inf) of shape (examples,). Received: -1",
        ),
        (
            {"train": lambda *args: 3},
            "`train` must return a keras.Model. Received: 3",
        ),
        (
            {"train": lambda *args: lookup(np.roll(np.eye(3)[Y], 1, 1))},
            "`train` must return models that are better than chance. Received: one "
            "that errs on 1 of the examples of 3 classes",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError) as error:
        samme(**{"train": stump, "x": ROWS, "y": Y, **arguments})
    assert str(error.value) == message


@pytest.mark.one_backend
def test_asks_the_first_model_whether_it_returns_logits():
    check_asks_the_first_model(samme, np.eye(3)[Y * (ROWS % 5 > 0)], ROWS, Y)
