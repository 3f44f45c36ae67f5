import keras
import numpy as np
import pytest
from contracts import LayerContract, array, normal
from decoders import anew, fed, feeding

from kdl.layers import Clock
from kdl.models import Feeding, RecurrentForecaster
from kdl.schedules import Adjustable


class TestRecurrentForecaster(LayerContract):
    component = RecurrentForecaster
    has_keras_cell = True
    arguments = {
        "cell": keras.layers.GRUCell(5),
        "features": 2,
        "feeding": feeding(),
        "seed": 7,
    }
    input_shape = (3, 5, 2)
    is_composed = True
    refused = [
        (
            {"features": 0},
            "`features` must be an integer in [1, inf). Received: features=0",
        ),
    ]

    def make(self, **overrides):
        own = anew(self.arguments, overrides.get("dtype"))
        return self.component(**{**self.arguments, **own, **overrides})

    def plain(self, **arguments):
        layer = RecurrentForecaster(keras.layers.GRUCell(5), 2, **fed(arguments))
        layer(normal((1, 1, 2)))
        rng = np.random.default_rng(0)
        for weight in layer.trainable_weights:
            weight.assign(rng.normal(0, 0.5, weight.shape))
        return layer

    def by_hand(self, layer, targets, first, state, coins):
        """Step by step, by calls of the cell."""
        kernel, bias = (array(weight) for weight in layer.head.weights)
        own, outputs = first, []
        for step in range(targets.shape[1]):
            fed = own
            if step:
                fed = np.where(coins[:, step, None], targets[:, step - 1], own)
            hidden, (state,) = layer.cell(fed.astype("float32"), [state])
            own = array(hidden) @ kernel + bias
            outputs.append(own)
        return np.stack(outputs, 1)

    @pytest.mark.parametrize(
        ("options", "training", "head"),
        [
            ({"evaluation": "free_running"}, False, 0.0),
            ({"evaluation": "teacher_forcing"}, False, 1.0),
            ({"epsilon": 0.0}, True, 0.0),
            ({"epsilon": 1.0}, True, 1.0),
        ],
    )
    def test_is_fed_what_it_says(self, options, training, head):
        layer = self.plain(**options)
        targets = array(normal((3, 6, 2)))
        first, state = targets[:, -1] + 1, array(normal((3, 5)))
        outputs = layer(targets, first=first, initial_state=state, training=training)
        coins = np.full((3, 6), head == 1)
        desired = self.by_hand(layer, targets, first, state, coins)
        np.testing.assert_allclose(array(outputs), desired, atol=1e-5)

    def test_predicts_before_it_is_fitted(self):
        """On JAX, a variable that is made within the compiled step would leak."""
        forecaster = RecurrentForecaster(
            keras.layers.GRUCell(5), 2, Feeding(Adjustable(0.5))
        )
        targets = keras.Input(self.input_shape[1:])
        model = keras.Model(targets, forecaster(Clock()(targets)))
        assert np.isfinite(model.predict(self.batch(), verbose=0)).all()

    def test_tosses_a_coin_for_each_step_and_example(self):
        layer = self.plain(epsilon=0.3)
        coins = array(layer._coins(np.zeros((200, 100, 2))))[..., 0]
        # 20,000 coins: four standard errors of 0.0032; neighbours: four of 0.0071.
        assert abs(coins.mean() - 0.3) < 0.013
        for first, second in ((coins[:, 1:], coins[:, :-1]), (coins[1:], coins[:-1])):
            assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.029
        targets = np.random.default_rng(0).normal(size=(4, 6, 2)).astype("float32")
        drawn = []
        draw = layer._coins
        layer._coins = lambda *args: drawn.append(draw(*args)) or drawn[0]
        outputs = layer(targets, training=True)
        desired = self.by_hand(
            layer,
            targets,
            np.zeros((4, 2)),
            np.zeros((4, 5), "float32"),
            array(drawn[0])[..., 0],
        )
        np.testing.assert_allclose(array(outputs), desired, atol=1e-5)

    def test_no_gradient_passes_through_what_it_is_fed(self):
        """Fed its own predictions, it learns as if they had been data."""
        targets = array(normal((3, 6, 2)))
        weights = []
        for epsilon in (0.0, 1.0):
            layer = self.plain(epsilon=epsilon, evaluation="free_running")
            inputs = targets if epsilon == 0 else array(layer(targets))
            entries = keras.Input((6, 2))
            model = keras.Model(entries, layer(entries))
            model.compile(keras.optimizers.SGD(0.1), "mse")
            model.fit(inputs, targets, verbose=0)
            weights.append([array(weight) for weight in layer.trainable_weights])
        for ours, given in zip(*weights, strict=True):
            np.testing.assert_allclose(ours, given, rtol=1e-4, atol=1e-6)

    def test_trains_a_stack_with_dropout(self):
        cells = [keras.layers.LSTMCell(4, dropout=0.2), keras.layers.GRUCell(3)]
        layer = RecurrentForecaster(cells, 2, Feeding(0.5, evaluation="free_running"))
        entries = keras.Input((None, 2))
        model = keras.Model(entries, layer(entries))
        model.compile("adam", "mse")
        x = array(normal((8, 6, 2)))
        history = model.fit(x, x, validation_data=(x, x), verbose=0).history
        assert np.isfinite(history["val_loss"]).all()


def test_predicts_nothing_of_series_without_steps():
    forecaster = RecurrentForecaster(keras.layers.GRUCell(4), 2)
    outputs = forecaster(np.zeros((3, 0, 2), "float32"))
    assert tuple(outputs.shape) == (3, 0, 2)
