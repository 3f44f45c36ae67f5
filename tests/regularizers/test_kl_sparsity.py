import keras
import numpy as np
import pytest
from contracts import RegularizerContract, array, assert_close, normal
from scipy.special import rel_entr

from kdl.regularizers import KLSparsity


def divergence(target, mean):
    return (rel_entr(target, mean) + rel_entr(1 - target, 1 - mean)).sum()


class TestKLSparsity(RegularizerContract):
    component = KLSparsity
    arguments = {"target": 0.2, "strength": 0.3}
    refused = [
        (
            {"target": 0},
            "`target` must be a number in (0, 1) or a LearningRateSchedule. "
            "Received: target=0",
        ),
        (
            {"strength": -1},
            "`strength` must be a number in [0, inf) or a LearningRateSchedule. "
            "Received: strength=-1",
        ),
    ]

    def weight(self, dtype="float32"):
        # It is for activations: four examples of three units.
        return keras.ops.sigmoid(normal(self.weight_shape, dtype))

    def test_gradient_descent_lowers_it(self):
        # Outside (0, 1), where the contract's kernel is in part, it is level.
        uniform = keras.initializers.RandomUniform(0.3, 0.9, seed=0)
        before, after = self.descend(uniform)
        assert array(self.make()(after)) < array(self.make()(before))

    # The contract wants the dtype of the weight, but half precision would not hold a
    # sum over the batch.

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_returns_a_nonnegative_scalar(self, dtype):
        penalty = self.make()(self.weight(dtype))
        assert penalty.shape == () and float(penalty) >= 0
        assert keras.backend.standardize_dtype(penalty.dtype) == "float32"

    def test_takes_schedules(self):
        super().test_takes_schedules("float32")

    def test_large_batches_are_finite_in_half_precision(self):
        x = keras.ops.full((70_000, 2), 0.9, "float16")
        desired = 70_000 * 0.3 * 2 * divergence(0.2, 0.9)
        np.testing.assert_allclose(float(self.make()(x)), desired, rtol=1e-2)

    @pytest.mark.parametrize("shape", [(4, 3), (4, 5, 2, 3)])
    def test_is_the_divergence_of_bernoulli_means(self, shape):
        x = np.random.default_rng(0).uniform(size=shape).astype("float32")
        desired = 0.3 * divergence(0.2, x.reshape(-1, 3).mean(axis=0))
        # Keras divides by the batch size of 4.
        assert_close(self.make()(x) / 4, desired)
        assert_close(self.make()(np.full(shape, 0.2, "float32")), 0)

    @pytest.mark.parametrize("value", [0.0, 1.0])
    def test_is_finite_at_the_ends(self, value):
        for dtype in ("float32", "bfloat16"):
            x = keras.ops.full((4, 3), value, dtype)
            assert 0 < float(self.make()(x)) < np.inf

    def test_does_not_depend_on_the_batch_size(self):
        x = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
        layer = keras.layers.Dense(3, "sigmoid", activity_regularizer=self.make())
        model = keras.Sequential([keras.Input((5,)), layer])
        for examples in (x, np.tile(x, (3, 1))):
            means = array(model(examples)).mean(axis=0)
            (loss,) = model.losses
            assert_close(loss, 0.3 * divergence(0.2, means))
        # Within the compiled step as well.
        model.compile("sgd", loss=None)
        assert_close(model.evaluate(x, verbose=0), loss)

    def test_brings_a_code_to_the_target_in_fit(self):
        keras.utils.set_random_seed(0)
        x = np.random.default_rng(0).uniform(size=(128, 8)).astype("float32")
        code = keras.layers.Dense(
            6, "sigmoid", activity_regularizer=KLSparsity(0.1, strength=1.0)
        )
        model = keras.Sequential([keras.Input((8,)), code, keras.layers.Dense(8)])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        assert array(code(x)).mean(axis=0).min() > 0.2
        repeated = np.tile(x, (40, 1))
        model.fit(repeated, repeated, batch_size=64, verbose=0)
        np.testing.assert_allclose(array(code(x)).mean(axis=0), 0.1, atol=0.02)
