import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close, normal

from kdl.layers import Clock, DropConnectGRU, DropConnectLSTM

INPUTS = array(normal((3, 5, 2)))
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1]], bool)


class RecurrentLayerContract(LayerContract):
    """Promises of a layer of Keras that drops recurrent connections.

    Attributes:
        plain: Class of the layer of Keras.
    """

    plain = None
    arguments = {"units": 4, "rate": 0.25, "seed": 1}
    input_shape = (3, 2, 2)
    refused = [
        (
            {"rate": 1},
            "`rate` must be a number in [0, 1) or a LearningRateSchedule. "
            "Received: rate=1",
        ),
    ]

    def build(self, layer, weights=None):
        layer.build(INPUTS.shape)
        if weights is not None:
            layer.set_weights(weights)
        return layer

    def kernels(self, weights=None, calls=1, **options):
        """The recurrent kernels that a new layer uses in training calls, by step."""
        layer = self.build(self.make(unroll=True, use_cudnn=False, **options), weights)
        cell, seen = layer.cell, []
        call = cell.call

        def recording(*args, **kwargs):
            seen.append(array(cell.recurrent_kernel))
            return call(*args, **kwargs)

        cell.call = recording
        for _ in range(calls):
            layer(INPUTS, training=True)
        return np.reshape(seen, (calls, 5, *cell.recurrent_kernel.shape))

    def masks(self, calls, seed=1):
        options = {"units": 50, "seed": seed, "recurrent_initializer": "ones"}
        return self.kernels(calls=calls, **options)

    def dropped(self, weights):
        """Weights with the recurrent kernel as the first training call has it."""
        kernel, _, bias = weights
        return [kernel, self.kernels(weights)[0, 0], bias]

    def assert_agree(self, actual, desired):
        actual, desired = map(keras.tree.flatten, (actual, desired))
        for a, b in zip(actual, desired, strict=True):
            assert_close(a, b)

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"unroll": True, "return_sequences": True},
            {"go_backwards": True, "return_state": True},
            {"use_cudnn": False, "return_sequences": True, "return_state": True},
        ],
    )
    def test_is_that_of_keras_with_the_kernel_dropped(self, options):
        for training in (False, True):
            for mask in (None, MASK):
                layer = self.build(self.make(**options))
                weights = layer.get_weights()
                weights = self.dropped(weights) if training else weights
                plain = self.build(self.plain(4, **options), weights)
                outputs = layer(INPUTS, mask=mask, training=training)
                self.assert_agree(outputs, plain(INPUTS, mask=mask))

    def test_drops_at_the_given_rate_and_rescales(self):
        mask = self.masks(1)[0, 0]
        kept = mask > 0
        assert_close(mask, kept / 0.75)
        # Five standard errors of a share.
        assert abs(kept.mean() - 0.75) < 5 * np.sqrt(0.75 * 0.25 / kept.size)

    def test_drops_the_same_at_all_steps_of_a_call(self):
        first, second = self.masks(2)
        assert (first == first[0]).all()
        assert (first != second).any()

    def test_seed_fixes_the_masks(self):
        np.testing.assert_array_equal(self.masks(2, seed=1), self.masks(2, seed=1))
        assert (self.masks(1, seed=1) != self.masks(1, seed=2)).any()

    def test_what_is_dropped_does_not_learn(self):
        layer = self.build(self.make())
        weights = layer.get_weights()
        model = keras.Sequential([layer])
        model.compile(keras.optimizers.SGD(1.0), "mse")
        model.fit(INPUTS, np.ones((3, 4)), verbose=0)
        learned = layer.get_weights()[1] != weights[1]
        np.testing.assert_array_equal(learned, self.dropped(weights)[1] != 0)

    def test_zero_rate_is_that_of_keras_with_its_dropout(self):
        for options in ({"dropout": 0.5}, {"dropout": 0.5, "recurrent_dropout": 0.5}):
            layer = self.build(self.make(rate=0, **options))
            plain = self.plain(4, seed=1, **options)
            self.build(plain, layer.get_weights())
            assert_close(layer(INPUTS, training=True), plain(INPUTS, training=True))

    def test_dropout_draws_anew_at_each_step_of_a_fit(self):
        learned = []
        layer = self.build(self.make(rate=0, dropout=0.5))
        plain = self.plain(4, seed=1, dropout=0.5)
        self.build(plain, layer.get_weights())
        for part in (layer, plain):
            model = keras.Sequential([part])
            model.compile("sgd", "mse")
            for _ in range(4):
                model.fit(INPUTS, np.ones((3, 4)), shuffle=False, verbose=0)
            learned.append(part.get_weights())
        self.assert_agree(*learned)

    def test_drops_in_both_directions(self):
        both = self.build(keras.layers.Bidirectional(self.make()))
        weights = both.get_weights()
        plain = keras.layers.Bidirectional(self.plain(4))
        assert_close(both(INPUTS), self.build(plain, weights)(INPUTS))
        # The two have the seed of the one that they are made from.
        plain.set_weights(self.dropped(weights[:3]) + self.dropped(weights[3:]))
        assert_close(both(INPUTS, training=True), plain(INPUTS))

    def test_only_its_loop_may_use_cudnn(self, monkeypatch):
        """Keras would take both layers of a `Bidirectional` there by itself."""
        seen, loop = [], keras.layers.RNN.inner_loop

        def recording(layer, *args, **kwargs):
            seen.append(layer.use_cudnn)
            return loop(layer, *args, **kwargs)

        monkeypatch.setattr(keras.layers.RNN, "inner_loop", recording)
        for use_cudnn in ("auto", False):
            # With the option for which no backend has a fused loop.
            layer = self.make(use_cudnn=use_cudnn, recurrent_dropout=0.5)
            both = keras.layers.Bidirectional(layer)
            for part in (layer, both.forward_layer, both.backward_layer):
                part(INPUTS, training=True)
                assert seen.pop() == use_cudnn
                assert part.use_cudnn is False

    def test_keeps_its_state(self):
        options = {"stateful": True, "return_state": True}
        layer = self.build(self.make(rate=0, **options))
        plain = self.build(self.plain(4, **options), layer.get_weights())
        for _ in range(2):
            outputs = layer(INPUTS, training=True)
            self.assert_agree(outputs, plain(INPUTS))

    def test_weights_are_those_of_keras(self):
        layers = [self.make(name="layer"), self.plain(4, name="layer")]
        paths = [[w.path for w in self.build(layer).weights] for layer in layers]
        assert paths[0] == paths[1]

    def test_regularizer_sees_the_whole_kernel(self):
        layer = self.make(recurrent_regularizer=keras.regularizers.L1(1.0))
        layer(INPUTS, training=True)
        whole = np.abs(array(layer.cell.recurrent_kernel)).sum()
        assert_close(sum(layer.losses), whole)

    def test_rate_follows_a_schedule(self):
        """From none to almost one, at which no step sees the one before."""
        rate = keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.0, 0.999999])
        layer = self.build(self.make(rate=rate))
        kernel, recurrent, bias = layer.get_weights()
        model = keras.Sequential([keras.Input(INPUTS.shape[1:]), Clock(), layer])
        model.compile(keras.optimizers.SGD(0.0), "mse")
        for used in (recurrent, np.zeros_like(recurrent)):
            plain = self.build(self.plain(4), [kernel, used, bias])
            desired = np.mean(array(plain(INPUTS)) ** 2)
            loss = model.train_on_batch(INPUTS, np.zeros((3, 4)))
            np.testing.assert_allclose(float(loss), desired, rtol=1e-5)


class TestDropConnectLSTM(RecurrentLayerContract):
    component = DropConnectLSTM
    has_keras_cell = True
    plain = keras.layers.LSTM


class TestDropConnectGRU(RecurrentLayerContract):
    component = DropConnectGRU
    has_keras_cell = True
    plain = keras.layers.GRU
