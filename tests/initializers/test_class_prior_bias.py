import keras
import numpy as np
import pytest
from contracts import InitializerContract, array, assert_close

from kdl.initializers import ClassPriorBias

PRIOR = [0.7, 0.2, 0.09, 0.01]


class TestClassPriorBias(InitializerContract):
    component = ClassPriorBias
    arguments = {"prior": PRIOR}
    shape = (4,)
    refused = [
        ({"prior": 0}, "`prior` must be a number in (0, 1). Received: prior=0"),
        ({"prior": None}, "`prior` must be a number in (0, 1). Received: prior=None"),
        (
            {"prior": [0.5, 0.5, 0]},
            "`prior` must be a number in (0, 1). Received: prior=0",
        ),
        (
            {"prior": [0.5, 0.75]},
            "`prior` must be a number, or two or more of them that sum to 1. "
            "Received: prior=[0.5, 0.75], whose sum is 1.25",
        ),
        (
            {"prior": (0.5,)},
            "`prior` must be a number, or two or more of them that sum to 1. "
            "Received: prior=(0.5,), whose sum is 0.5",
        ),
    ]

    def outputs(self, activation, prior, units):
        layer = keras.layers.Dense(
            units,
            activation,
            kernel_initializer="zeros",
            bias_initializer=ClassPriorBias(prior),
        )
        return array(layer(np.ones((1, 2))))[0]

    def test_softmax_starts_from_the_prior(self):
        assert_close(self.outputs("softmax", PRIOR, 4), PRIOR)

    @pytest.mark.parametrize("prior", [0.01, 0.5, 0.999])
    def test_sigmoid_starts_from_the_prior(self, prior):
        assert_close(self.outputs("sigmoid", prior, 3), [prior] * 3)

    def test_cross_entropy_starts_from_the_entropy(self):
        # 100 labels of these frequencies.
        labels = np.repeat(np.arange(4), [70, 20, 9, 1])
        predictions = np.tile(self.outputs("softmax", PRIOR, 4), (100, 1))
        loss = keras.losses.SparseCategoricalCrossentropy()(labels, predictions)
        assert_close(loss, -np.sum(PRIOR * np.log(PRIOR)))
        predictions = np.tile(self.outputs("sigmoid", 0.01, 1), (100, 1))
        loss = keras.losses.BinaryCrossentropy()(labels[:, None] == 3, predictions)
        assert_close(loss, -0.01 * np.log(0.01) - 0.99 * np.log(0.99))

    def test_takes_frequencies_of_numpy(self):
        counts = np.array([1, 1, 1])
        config = ClassPriorBias(counts / counts.sum()).get_config()
        assert config == {"prior": [1 / 3] * 3}
        assert ClassPriorBias(np.float32(0.25)).get_config() == {"prior": 0.25}

    def test_a_number_fits_any_shape(self):
        assert_close(ClassPriorBias(0.2)((2, 3)), np.full((2, 3), np.log(0.25)))

    @pytest.mark.parametrize("shape", [(3,), (1,), (4, 1)])
    def test_refuses_another_number_of_units(self, shape):
        with pytest.raises(ValueError) as error:
            self.make()(shape)
        assert str(error.value) == (
            "`shape` must be (4,), that of the bias of a layer with one unit for each "
            f"frequency. Received: shape={shape}"
        )
