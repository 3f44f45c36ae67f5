import keras
import numpy as np
import pytest
from contracts import RandomInitializerContract, array, assert_close

from kdl.initializers import Chrono


def second_moment(high):
    """Mean of log(u) ** 2 over u from U(1, high), by its integral."""
    log = np.log(high)
    return (high * (log**2 - 2 * log + 2) - 2) / (high - 1)


class TestChrono(RandomInitializerContract):
    component = Chrono
    arguments = {"units": 2500, "max_timescale": 51.0, "seed": 1}
    shape = large = (10_000,)
    # Half of the values are zero.
    variance = second_moment(50) / 2
    refused = [
        ({"units": 0}, "`units` must be an integer in [1, inf). Received: units=0"),
        (
            {"max_timescale": 2},
            "`max_timescale` must be a number in (2, inf). Received: max_timescale=2",
        ),
    ]

    def test_timescales_are_uniform(self):
        times = np.exp(self.draw().astype("float64")[2500:5000])
        assert times.min() > 1 - 1e-6 and times.max() < 50 * (1 + 1e-6)
        # Kolmogorov and Smirnov's distance, which exceeds 2 / sqrt(n) once in 1,500.
        shares = (np.sort(times) - 1) / 49
        steps = np.arange(2500) / 2500
        assert np.abs(shares - steps).max() < 2 / 2500**0.5

    def test_input_gate_is_the_opposite_and_the_rest_is_zero(self):
        i, f, c, o = np.split(self.draw(), 4)
        np.testing.assert_array_equal(i, -f)
        assert not c.any() and not o.any()

    def test_sets_the_gates_of_an_lstm(self):
        layer = keras.layers.LSTM(
            3, bias_initializer=Chrono(3, 20.0, seed=0), unit_forget_bias=False
        )
        layer.build((None, 5, 2))
        bias = array(layer.cell.bias)
        assert_close(bias, Chrono(3, 20.0, seed=0)((12,)))
        # On zeros: c = f * c + i * tanh(0), from a cell of ones.
        kept = layer.cell(np.zeros((1, 2)), [np.zeros((1, 3)), np.ones((1, 3))])[1][1]
        assert_close(array(kept)[0], 1 / (1 + np.exp(-bias[3:6])))

    def test_refuses_an_lstm_that_sets_its_forget_gate(self):
        layer = keras.layers.LSTM(3, bias_initializer=Chrono(3, 20.0))
        with pytest.raises(ValueError) as error:
            layer.build((None, 5, 2))
        assert str(error.value) == (
            "`shape` must be (12,), that of the bias of an LSTM of 3 units with "
            "`unit_forget_bias=False`. With `True`, the default, Keras asks for parts "
            "of it, and sets the forget gate itself. Received: shape=(3,)"
        )
