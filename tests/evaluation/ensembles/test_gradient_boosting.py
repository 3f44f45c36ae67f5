import keras
import numpy as np
import pytest
from lookups import lookup
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.tree import DecisionTreeRegressor

from kdl.evaluation import gradient_boosting

FEATURES, Y = load_diabetes(return_X_y=True)
ROWS = np.arange(len(Y))
FLOWERS, KINDS = load_iris(return_X_y=True)


def regressor(features, rows, residuals, n):
    tree = DecisionTreeRegressor(max_depth=2, random_state=0).fit(
        features[rows], residuals
    )
    return lookup(np.reshape(tree.predict(features), (len(features), -1)))


@pytest.mark.one_backend
def test_of_numbers_is_that_of_scikit_learn():
    found = gradient_boosting(
        lambda *args: regressor(FEATURES, *args), ROWS, Y, 10, 0.3
    )
    reference = GradientBoostingRegressor(
        n_estimators=10, learning_rate=0.3, max_depth=2, random_state=0
    ).fit(FEATURES, Y)
    outputs = found.predict(ROWS, verbose=0)[:, 0]
    np.testing.assert_allclose(outputs, reference.predict(FEATURES), rtol=1e-4)
    loss = found.evaluate(ROWS, Y, verbose=0)
    assert loss == pytest.approx(np.mean((outputs - Y) ** 2), rel=1e-5)


@pytest.mark.one_backend
def test_of_classes_goes_down_the_gradient():
    rows, total, seen = np.arange(150), np.zeros((150, 3)), []
    onehot = np.eye(3)[KINDS]

    def train(x, residuals, n):
        seen.append(residuals)
        return regressor(FLOWERS, x, residuals, n)

    found = gradient_boosting(train, rows, KINDS, 4, 0.5, "log")
    total = np.tile(np.log(onehot.mean(0)), (150, 1))
    for residuals in seen:
        np.testing.assert_allclose(residuals, onehot - softmax(total, 1), atol=1e-5)
        # They are the negative gradient, by central differences.
        step = np.zeros((150, 3))
        step[:, 1] = 1e-5
        nll = [-(onehot * log_softmax(total + s * step, 1)).sum(1) for s in (1, -1)]
        np.testing.assert_allclose(residuals[:, 1], (nll[1] - nll[0]) / 2e-5, atol=1e-4)
        model = regressor(FLOWERS, rows, residuals, 0)
        total = total + 0.5 * model.predict(rows, verbose=0)
    np.testing.assert_allclose(found.predict(rows, verbose=0), total, atol=1e-5)
    scores = found.evaluate(rows, KINDS, verbose=0, return_dict=True)
    nll = -log_softmax(total, 1)[rows, KINDS].mean()
    assert scores["loss"] == pytest.approx(nll, rel=1e-4) and nll < np.log(3) / 2


def test_of_networks_is_saved(tmp_path):
    keras.utils.set_random_seed(0)
    x = ((FLOWERS - FLOWERS.mean(0)) / FLOWERS.std(0)).astype("float32")

    def train(x, residuals, n):
        layers = [keras.Input((4,)), keras.layers.Dense(4, "tanh")]
        model = keras.Sequential([*layers, keras.layers.Dense(3)])
        model.compile(keras.optimizers.Adam(0.1), "mse")
        for _ in range(20):
            model.train_on_batch(x, residuals)
        return model

    found = gradient_boosting(train, x, KINDS, 3, 1.0, "log")
    found.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    outputs = found.predict(x, verbose=0)
    np.testing.assert_allclose(loaded.predict(x, verbose=0), outputs, atol=1e-5)
    assert np.mean(outputs.argmax(1) == KINDS) > 0.85


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"rounds": 0},
            "`rounds` must be an integer in [1, inf). Received: rounds=0",
        ),
        (
            {"shrinkage": 1.5},
            "`shrinkage` must be a number in (0, 1]. Received: shrinkage=1.5",
        ),
        (
            {"loss": "huber"},
            "`loss` must be one of 'squared', 'log'. Received: loss='huber'",
        ),
        (
            {"y": np.full(442, np.nan)},
            "`y` must be finite numbers of shape (examples, outputs). Received: "
            "numbers that are not finite",
        ),
        (
            {"y": 2 * (ROWS % 2), "loss": "log"},
            "`y` must have examples of each class from 0 to 2. Received: none of class "
            "1",
        ),
        (
            {"y": [], "loss": "log"},
            "`y` must be integers in [0, inf) of shape (examples,). Received: float64 "
            "of shape (0,)",
        ),
        (
            {"y": []},
            "`y` must be finite numbers of shape (examples, outputs). Received: "
            "shape=(0,)",
        ),
        (
            {"y": np.array(["a", "b"])[ROWS % 2], "loss": "log"},
            "`y` must be integers in [0, inf) of shape (examples,). Received: <U1 of "
            "shape (442,)",
        ),
        (
            {"train": lambda x, y, n: lookup(np.zeros((442, 2)))},
            "`train` must return models with outputs of shape (batch, 1). Received: "
            "(442, 2)",
        ),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    given = {"train": lambda *args: regressor(FEATURES, *args), "x": ROWS, "y": Y}
    with pytest.raises(ValueError) as error:
        gradient_boosting(**{**given, **arguments})
    assert str(error.value) == message
