import keras
import numpy as np
import pytest
from contracts import RegularizerContract, array, assert_close

from kdl.regularizers import GroupLasso


class TestGroupLasso(RegularizerContract):
    component = GroupLasso
    arguments = {"strength": 0.2, "axis": -1}
    refused = [
        (
            {"strength": -0.1},
            "`strength` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: strength=-0.1",
        ),
        (
            {"axis": [0, 0.5]},
            "`axis` must be an integer in (-inf, inf). Received: axis=0.5",
        ),
    ]

    def test_known_value(self):
        # Norms of 5, 0 and 1, of groups of two.
        x = keras.ops.convert_to_tensor([[3.0, 0.0, 0.0], [-4.0, 0.0, 1.0]])
        assert_close(GroupLasso(0.1)(x), 0.1 * np.sqrt(2) * (5 + 0 + 1))

    def test_axis_says_what_a_group_is(self):
        x = array(self.weight())
        for axis, size in ((0, 4), (1, 3), (-1, 3), ([0, 1], 12)):
            norms = np.sqrt((x**2).sum(tuple(np.atleast_1d(axis))))
            desired = 0.5 * np.sqrt(size) * norms.sum()
            assert_close(GroupLasso(0.5, axis)(x), desired)

    def test_group_of_a_convolution_is_a_filter(self):
        kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 5)).astype("float32")
        norms = np.linalg.norm(kernel.reshape(-1, 5), axis=0)
        assert_close(GroupLasso(0.1)(kernel), 0.1 * np.sqrt(18) * norms.sum())

    def test_is_lasso_of_groups_of_one(self):
        x = self.weight()[0]
        assert_close(GroupLasso(0.1)(x), keras.regularizers.L1(0.1)(x))

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_pull_does_not_fade_with_the_weights(self, value):
        """A step is `0.01 * strength * sqrt(3)` along the group, and none at zero."""
        before, after = self.descend(keras.initializers.Constant(value))
        step = 0.01 * 0.2 * np.sqrt(3) / np.sqrt(3)
        assert_close(before - after, np.full((4, 3), step * value))

    def test_selects_features(self):
        keras.utils.set_random_seed(0)
        x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
        layer = keras.layers.Dense(2, kernel_regularizer=GroupLasso(0.1, axis=-1))
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile(keras.optimizers.SGD(0.05), "mse")
        # Of the third and fourth feature nothing is to be learned.
        y = x[:, :2] + x[:, 1::-1] * [1, -1]
        # The same batch 150 times; epochs would cost more.
        x, y = (np.tile(values, (150, 1)) for values in (x, y))
        model.fit(x, y, batch_size=64, shuffle=False, verbose=0)
        norms = np.linalg.norm(array(layer.kernel), axis=1)
        assert norms[:2].min() > 1 and norms[2:].max() < 0.02
