import keras
import numpy as np
from contracts import RegularizerContract, array, assert_close

from kdl.regularizers import MaxNorm


class TestMaxNorm(RegularizerContract):
    component = MaxNorm
    # The initial norms of the contract's kernel are near 0.1.
    arguments = {"max_value": 0.05, "strength": 0.2, "axis": 0}
    refused = [
        (
            {"max_value": 0},
            "`max_value` must be a number in (0, inf) or a LearningRateSchedule. "
            "Received: max_value=0",
        ),
        (
            {"strength": -0.1},
            "`strength` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: strength=-0.1",
        ),
        (
            {"axis": 0.5},
            "`axis` must be an integer in (-inf, inf). Received: axis=0.5",
        ),
        (
            {"axis": [0, "1"]},
            "`axis` must be an integer in (-inf, inf). Received: axis='1'",
        ),
    ]

    def test_known_value(self):
        # Norms of 5 and 1, of which the first exceeds 2 by 3.
        x = keras.ops.convert_to_tensor([[3.0, 0.0], [-4.0, 1.0]])
        assert_close(MaxNorm(2, 0.1)(x), 0.1 * 3**2)

    def test_costs_nothing_within_the_limit(self):
        x = np.array([[0.6, 0.0], [0.8, 0.5]], "float32")
        assert_close(MaxNorm(1.001, 1.0)(x), 0.0)

    def test_axis_says_what_a_unit_is(self):
        x = array(self.weight())
        for axis in (0, 1, [0, 1]):
            norms = np.sqrt((x**2).sum(tuple(np.atleast_1d(axis))))
            excess = np.maximum(norms - 0.5, 0)
            assert_close(MaxNorm(0.5, 1.0, axis)(x), (excess**2).sum())

    def test_unit_of_a_convolution_is_a_filter(self):
        kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 5)).astype("float32")
        norms = np.linalg.norm(kernel.reshape(-1, 5), axis=0)
        assert_close(MaxNorm(3, 1.0)(kernel), (np.maximum(norms - 3, 0) ** 2).sum())

    def test_training_brings_a_unit_to_the_limit(self):
        layer = keras.layers.Dense(
            1, kernel_initializer="ones", kernel_regularizer=MaxNorm(1.5, 1.0)
        )
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(np.zeros((8, 4)), np.zeros((8, 1)), epochs=50, verbose=0)
        # From a norm of 2; gradient steps shrink the excess by 0.8 each.
        np.testing.assert_allclose(np.linalg.norm(array(layer.kernel)), 1.5, atol=1e-4)
