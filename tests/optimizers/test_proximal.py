import keras
import numpy as np
import pytest
from contracts import array
from sklearn import linear_model
from sklearn.datasets import load_diabetes

import kdl
from kdl.optimizers import ControlledOptimizer

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.02, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.02),
    "amsgrad": lambda: keras.optimizers.Adam(0.02, amsgrad=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5),
    "centered": lambda: keras.optimizers.RMSprop(0.01, centered=True, epsilon=0.01),
    "adagrad": lambda: keras.optimizers.Adagrad(0.2),
}


@pytest.fixture(scope="module")
def data():
    """Ten standardized attributes, and a centred target."""
    x, y = load_diabetes(return_X_y=True)
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    return x.astype("float32"), y.astype("float32")


def fitted(optimizer, data, updates):
    """Coefficients of a linear model after updates on all data."""
    x, y = data
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(1)])
    at_once = 1 if keras.backend.backend() == "torch" else 50
    model.compile(optimizer, "mse", steps_per_execution=at_once)
    x, y = np.tile(x, (50, 1)), np.tile(y, 50)
    model.fit(
        x, y, batch_size=len(x) // 50, epochs=updates // 50, shuffle=False, verbose=0
    )
    return array(model.layers[0].kernel)[:, 0]


def assert_same_solution(actual, desired):
    assert ((actual == 0) == (desired == 0)).all()
    assert 0 < (desired == 0).sum() < len(desired)
    assert abs(actual - desired).max() < 1e-3 * abs(desired).max()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_reaches_scikit_learns_lasso(name, data):
    # Of mean squared error, of which scikit-learn takes half.
    regularizer = kdl.regularizers.ElasticNet(0.2, l1_ratio=1)
    optimizer = ControlledOptimizer(
        OPTIMIZERS[name](), proximal={".*kernel": regularizer}
    )
    lasso = linear_model.Lasso(0.1).fit(*data)
    assert_same_solution(fitted(optimizer, data, 400), lasso.coef_)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_reaches_scikit_learns_elastic_net_with_a_multiplier(name, data):
    regularizer = kdl.regularizers.ElasticNet(0.2, l1_ratio=0.5)
    optimizer = ControlledOptimizer(
        OPTIMIZERS[name](),
        multipliers={".*kernel": kdl.schedules.Adjustable(0.5)},
        proximal={".*kernel": regularizer},
    )
    net = linear_model.ElasticNet(0.1, l1_ratio=0.5).fit(*data)
    assert_same_solution(fitted(optimizer, data, 600), net.coef_)


def test_shrinks_at_updates_only():
    variable = keras.Variable([1.0, -1.0, 0.05], name="kernel")
    regularizer = kdl.regularizers.ElasticNet(1.0, l1_ratio=1)
    optimizer = ControlledOptimizer(
        keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
        proximal={"kernel": regularizer},
    )
    optimizer.build([variable])
    for expected in ([1.0, -1.0, 0.05], [0.9, -0.9, 0.0], [0.9, -0.9, 0.0]):
        optimizer.apply([keras.ops.zeros(3)], [variable])
        np.testing.assert_allclose(array(variable), expected, rtol=1e-6)


def test_leaves_frozen_weights():
    variable = keras.Variable([1.0, -0.0, 1e-3], name="kernel")
    optimizer = ControlledOptimizer(
        keras.optimizers.SGD(0.1),
        multipliers={"kernel": 0.0},
        proximal={"kernel": kdl.regularizers.ElasticNet(1.0)},
    )
    before = array(variable).tobytes()
    optimizer.apply([keras.ops.ones(3)], [variable])
    assert array(variable).tobytes() == before
