import keras
import numpy as np
import pytest
from contracts import LayerContract, array, assert_close, normal
from scipy.special import expit

from kdl.layers import PeepholeLSTM, PeepholeLSTMCell

INPUTS = array(normal((3, 5, 2)))
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1]], bool)


class PeepholeLayerContract(LayerContract):
    """Promises of the cell and of the layer, which take the same arguments."""

    arguments = {
        "units": 4,
        "output_peephole": "previous",
        "peephole_initializer": keras.initializers.RandomNormal(seed=1),
        "peephole_regularizer": keras.regularizers.L2(0.5),
        "peephole_constraint": keras.constraints.UnitNorm(),
    }
    input_shape = (3, 2, 2)
    refused = [
        (
            {"output_peephole": "next"},
            "`output_peephole` must be one of 'current', 'previous'. "
            "Received: output_peephole='next'",
        )
    ]

    def test_config_holds_every_argument(self):
        config = self.make().get_config()
        for name, value in self.arguments.items():
            if not isinstance(value, (int, str)):
                value = keras.saving.serialize_keras_object(value)
            assert config[name] == value, name

    def test_inference_compiles(self):
        if keras.backend.backend() == "torch":
            pytest.skip("Keras's own cell does not, in its loop, in one graph")
        super().test_inference_compiles()


class TestPeepholeLSTMCell(PeepholeLayerContract):
    component = PeepholeLSTMCell
    has_keras_cell = True

    def wrap(self, layer):
        return keras.layers.RNN(layer, dtype=layer.dtype_policy)

    def test_stacks(self):
        cells = [self.make(), self.make(units=3)]
        stack = keras.layers.RNN(cells)
        outputs, sequences = stack(INPUTS), INPUTS
        for cell in cells:
            sequences = keras.layers.RNN(cell, return_sequences=True)(sequences)
        assert_close(outputs, sequences[:, -1])


class TestPeepholeLSTM(PeepholeLayerContract):
    component = PeepholeLSTM
    has_keras_cell = True

    def randomize(self, layer):
        layer.build(INPUTS.shape)
        rng = np.random.default_rng(1)
        layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
        return layer

    def reference(self, layer, mask=None):
        """Outputs of all steps, and the last states, by a loop over the gates."""
        weights = zip(layer.weights, (4, 4, 4, 3), strict=True)
        w, u, b, p = (np.split(array(x), gates, axis=-1) for x, gates in weights)
        order = slice(None, None, -1 if layer.go_backwards else 1)
        outputs, last = np.zeros((3, 5, 4)), np.zeros((2, 3, 4))
        for row, steps in enumerate(INPUTS[:, order]):
            h = c = np.zeros(4)
            for step, x in enumerate(steps):
                if mask is None or mask[:, order][row, step]:
                    z = [x @ w[gate] + h @ u[gate] + b[gate] for gate in range(4)]
                    i, f = expit(z[0] + p[0] * c), expit(z[1] + p[1] * c)
                    before, c = c, f * c + i * np.tanh(z[2])
                    seen = c if layer.output_peephole == "current" else before
                    h = expit(z[3] + p[2] * seen) * np.tanh(c)
                outputs[row, step] = h
            last[:, row] = h, c
        return outputs, last

    @pytest.mark.parametrize("output_peephole", ["current", "previous"])
    @pytest.mark.parametrize("options", [{}, {"unroll": True}, {"go_backwards": True}])
    def test_is_a_loop_over_its_gates(self, output_peephole, options):
        options = {"return_sequences": True, "return_state": True, **options}
        layer = self.randomize(PeepholeLSTM(4, output_peephole, **options))
        for mask in (None, MASK):
            outputs, *states = layer(INPUTS, mask=mask)
            desired, last = self.reference(layer, mask)
            assert_close(outputs, desired)
            assert_close(keras.ops.stack(states), last)

    def test_goes_on_from_its_state(self):
        layer = self.randomize(PeepholeLSTM(4, stateful=True))
        outputs, _ = self.reference(layer)
        for steps in (slice(0, 2), slice(2, 5)):
            assert_close(layer(INPUTS[:, steps]), outputs[:, steps.stop - 1])

    def test_runs_in_both_directions(self):
        both = keras.layers.Bidirectional(PeepholeLSTM(4, "previous"))
        self.randomize(both)
        directions = both.forward_layer, both.backward_layer
        desired = [self.reference(layer, MASK)[1][0] for layer in directions]
        assert_close(both(INPUTS, mask=MASK), np.concatenate(desired, axis=-1))

    def test_starts_as_that_of_keras(self):
        for options in (
            {"use_bias": False, "unit_forget_bias": False, "activation": "relu"},
            {"dropout": 0.5},
            {"dropout": 0.5, "recurrent_dropout": 0.5},
        ):
            layer = PeepholeLSTM(4, seed=1, **options)
            plain = keras.layers.LSTM(4, seed=1, **options)
            for part in (layer, plain):
                part.build(INPUTS.shape)
            plain.set_weights(layer.get_weights()[:-1])
            for training in (False, True):
                outputs = layer(INPUTS, training=training)
                assert_close(outputs, plain(INPUTS, training=training))

    def test_all_peepholes_learn_from_zero(self):
        layer = PeepholeLSTM(4)
        model = keras.Sequential([layer])
        model.compile("sgd", "mse")
        model.fit(INPUTS, np.ones((3, 4)), verbose=0)
        assert (array(layer.cell.peephole_kernel) != 0).all()

    def test_takes_no_use_of_cudnn(self):
        with pytest.raises(ValueError, match="use_cudnn"):
            self.make(use_cudnn="auto")
