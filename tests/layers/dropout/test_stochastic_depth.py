import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close, normal
from keras import layers

from kdl.layers import Clock, Dropout, StochasticDepth
from kdl.schedules import Warmup


def make_branch():
    return layers.Dense(4, "tanh", kernel_initializer="ones", name="branch")


def blocks(count, rate, mode, **options):
    """A residual network with batch normalization and dropout in its branches."""
    inputs = x = keras.Input((4,))
    for block in range(count):
        branch = [layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)]
        branch = keras.Sequential(branch, name=f"branch_{block}")
        depth = StochasticDepth(branch, rate, mode, seed=block, name=f"depth_{block}")
        x = layers.Add()([x, depth(x)])
    model = keras.Model(inputs, x)
    model.compile("sgd", "mse", **options)
    return model


class TestStochasticDepth(LayerContract):
    component = StochasticDepth
    arguments = {"branch": make_branch(), "rate": 0.25, "mode": "row", "seed": 3}
    input_shape = (2, 4)
    refused = [
        (
            {"branch": "dense"},
            "`branch` must be a keras.layers.Layer. Received: branch='dense'",
        ),
        (
            {"rate": 1},
            "`rate` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: rate=1",
        ),
        (
            {"mode": "example"},
            "`mode` must be one of 'batch', 'row'. Received: mode='example'",
        ),
    ]

    def make(self, **overrides):
        return super().make(**{"branch": make_branch(), **overrides})

    @pytest.mark.parametrize("mode", ["batch", "row"])
    def test_inference_is_the_branch(self, mode):
        layer, inputs = self.make(mode=mode), self.inputs()
        assert_close(layer(inputs), layer.branch(inputs))

    @pytest.mark.parametrize("rate", [0.0, 0.3, 0.8])
    def test_rows_are_dropped_alone_and_keep_their_expectation(self, rate):
        layer = self.make(rate=rate)
        inputs = np.ones((4000, 4), "float32")
        outputs = array(layer(inputs, training=True))
        whole = array(layer.branch(inputs[:1]))[0]
        kept = (outputs != 0).all(axis=1)
        assert_close(
            outputs[kept], np.broadcast_to(whole / (1 - rate), (kept.sum(), 4))
        )
        assert (outputs[~kept] == 0).all()
        # Five standard errors of a share.
        error = np.sqrt(rate * (1 - rate) / len(kept))
        assert abs(kept.mean() - (1 - rate)) <= 5 * error
        # Neighbours are independent: as many pairs of kept rows as there ought to be.
        pairs = (kept[1:] & kept[:-1]).mean()
        assert abs(pairs - (1 - rate) ** 2) <= 5 * np.sqrt(rate * (1 - rate) / 1000)

    def test_batches_are_dropped_whole(self):
        layer = self.make(mode="batch", rate=0.4)
        inputs = self.inputs()
        whole = array(layer(inputs)) / 0.6
        calls = [array(layer(inputs, training=True)) for _ in range(200)]
        kept = np.array([(outputs != 0).any() for outputs in calls])
        for outputs, is_kept in zip(calls, kept, strict=True):
            assert_close(outputs, whole * is_kept)
        assert abs(kept.mean() - 0.6) < 5 * np.sqrt(0.4 * 0.6 / 200)

    def test_seed_decides(self):
        draws = []
        for seed in (1, 1, 2):
            layer = self.make(seed=seed, rate=0.5)
            draws.append(array(layer(np.ones((64, 4)), training=True)) != 0)
        np.testing.assert_array_equal(draws[0], draws[1])
        assert (draws[0] != draws[2]).any()

    @pytest.mark.parametrize("mode", ["batch", "row"])
    def test_fit_keeps_the_state_of_the_branch(self, mode):
        x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
        model = blocks(2, 0.5, mode, jit_compile=keras.backend.backend() != "torch")
        model.fit(x, x, batch_size=8, epochs=2, verbose=0)
        for block in range(2):
            norm = model.get_layer(f"depth_{block}").branch.layers[1]
            assert np.isfinite(array(norm.moving_mean)).all()
            assert (array(norm.moving_mean) != 0).any()

    def test_dropped_branch_is_left_as_it_is(self):
        x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
        model = blocks(1, 0.999, "batch")
        branch = model.get_layer("depth_0").branch
        before = [array(weight).copy() for weight in branch.weights]
        model.fit(x, x, epochs=2, verbose=0)
        for old, weight in zip(before, branch.weights, strict=True):
            np.testing.assert_array_equal(array(weight), old)

    def test_momentum_goes_on_while_a_branch_is_dropped(self):
        """Its gradients are zero on every backend, rather than none on one."""
        x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
        layer = self.make(mode="batch", rate=0.0)
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile(keras.optimizers.SGD(0.1, momentum=0.5), "mse", jit_compile=False)
        model.fit(x, x, verbose=0)
        first = array(layer.branch.kernel).copy() - 1
        layer.rate = 0.9999
        model.compile(model.optimizer, "mse", jit_compile=False)
        model.fit(x, x, verbose=0)
        assert_close(array(layer.branch.kernel) - 1, 1.5 * first)

    def test_gradients_are_those_of_the_branch(self):
        x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
        kernels = []
        for mode in ("batch", "row"):
            model = keras.Sequential(
                [keras.Input((4,)), self.make(mode=mode, rate=0.0)]
            )
            model.compile(keras.optimizers.SGD(0.1), "mse")
            model.fit(x, x, batch_size=4, shuffle=False, verbose=0)
            kernels.append(array(model.layers[0].branch.kernel))
        assert_close(*kernels)
        assert (kernels[0] != 1).all()

    @pytest.mark.parametrize("mode", ["batch", "row"])
    def test_mixed_precision_of_a_branch_that_is_a_layer(self, mode):
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        layer = StochasticDepth(make_branch(), 0.0, mode)
        keras.config.set_dtype_policy(policy)
        outputs = layer(self.inputs(), training=True)
        assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"

    def test_rate_may_follow_a_schedule(self):
        for mode in ("batch", "row"):
            layer = self.make(mode=mode, rate=Warmup(0.5, 10))
            model = keras.Sequential([keras.Input((4,)), Clock(), layer])
            model.compile("sgd", "mse")
            x = np.ones((8, 4))
            model.fit(x, x, batch_size=4, verbose=0)

    def test_refuses_a_branch_of_another_shape(self):
        with pytest.raises(ValueError) as error:
            StochasticDepth(layers.Dense(5), name="depth").build((None, 4))
        assert str(error.value) == (
            "`branch` of the layer 'depth' must return what has the shape of its "
            "inputs, (None, 4). Received: a branch that returns (None, 5)"
        )

    def test_refuses_schedules_that_would_be_compiled_apart(self):
        branch = Dropout(Warmup(0.5, 10), name="dropout")
        StochasticDepth(branch, mode="row").build((None, 4))
        with pytest.raises(ValueError) as error:
            StochasticDepth(branch, name="depth").build((None, 4))
        assert str(error.value) == (
            "`branch` of the layer 'depth' must not follow a schedule in the mode "
            "'batch', in which it is compiled apart; the mode 'row' allows it. "
            "Received: a branch with schedules of dropout/rate"
        )

    def test_rates_grow_linearly(self):
        np.testing.assert_allclose(
            StochasticDepth.linear_rates(0.5, 4), [0.125, 0.25, 0.375, 0.5]
        )
        with pytest.raises(ValueError, match="`depth` must be an integer"):
            StochasticDepth.linear_rates(0.5, 0)

    def test_normal_inputs_of_any_rank(self):
        convolution = layers.Conv2D(3, 3, padding="same")
        for mode in ("batch", "row"):
            layer = StochasticDepth(convolution, 0.5, mode)
            assert layer(normal((2, 5, 5, 3)), training=True).shape == (2, 5, 5, 3)
