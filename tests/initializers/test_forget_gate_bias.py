import keras
import numpy as np
import pytest
from contracts import InitializerContract, array, assert_close

from kdl.initializers import ForgetGateBias


class TestForgetGateBias(InitializerContract):
    component = ForgetGateBias
    arguments = {"units": 3, "value": 2.0}
    shape = (12,)
    refused = [
        ({"units": 0}, "`units` must be an integer in [1, inf). Received: units=0"),
        (
            {"value": "1"},
            "`value` must be a number in (-inf, inf). Received: value='1'",
        ),
    ]

    def test_sets_the_forget_gate_of_an_lstm(self):
        layer = keras.layers.LSTM(
            3, bias_initializer=self.make(), unit_forget_bias=False
        )
        layer.build((None, 5, 2))
        assert_close(array(layer.cell.bias), [0, 0, 0, 2, 2, 2, 0, 0, 0, 0, 0, 0])
        # On zeros: c = f * c + i * tanh(0), from a cell of ones.
        kept = layer.cell(np.zeros((1, 2)), [np.zeros((1, 3)), np.ones((1, 3))])[1][1]
        assert_close(kept, np.full((1, 3), 1 / (1 + np.exp(-2))))

    def test_value_of_one_is_that_of_keras(self):
        layer = keras.layers.LSTM(3)
        layer.build((None, 5, 2))
        assert_close(layer.cell.bias, self.draw(value=1.0))

    @pytest.mark.parametrize("shape", [(3,), (6,), (16,), (4, 3)])
    def test_refuses_parts_of_the_bias(self, shape):
        with pytest.raises(ValueError) as error:
            self.make()(shape)
        assert str(error.value) == (
            "`shape` must be (12,), that of the bias of an LSTM of 3 units with "
            "`unit_forget_bias=False`. With `True`, the default, Keras asks for parts "
            f"of it, and sets the forget gate itself. Received: shape={shape}"
        )

    @pytest.mark.parametrize("units", [1, 3])
    def test_refuses_an_lstm_that_sets_its_forget_gate(self, units):
        layer = keras.layers.LSTM(units, bias_initializer=self.make(units=units))
        with pytest.raises(ValueError, match="with `unit_forget_bias=False`"):
            layer.build((None, 5, 2))
