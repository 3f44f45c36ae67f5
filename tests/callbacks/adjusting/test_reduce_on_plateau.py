import inspect

import keras
import numpy as np
import pytest
import torch
from contracts import CallbackContract

from kdl.callbacks import LogNumbers, ReduceOnPlateau
from kdl.optimizers import ControlledOptimizer
from kdl.schedules import OneCycle

# It falls, stays, rises and falls again, and is not a number once.
METRIC = [
    3,
    2,
    2,
    2,
    1.95,
    2,
    2,
    2,
    2,
    3,
    3,
    1,
    1,
    1,
    1,
    np.nan,
    1,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
]
OPTIONS = [
    {"patience": 2},
    {"patience": 0, "factor": 0.5},
    {"patience": 1, "cooldown": 2},
    {"patience": 1, "cooldown": 1, "min_value": 0.02, "factor": 0.3},
    {"patience": 2, "min_delta": 0.1},
    {"patience": 2, "mode": "max"},
    {"patience": 2, "min_delta": 0.03, "threshold_mode": "rel"},
    {"patience": 1, "min_delta": 0.3, "threshold_mode": "rel", "mode": "max"},
]


class Report(keras.callbacks.Callback):
    """Puts a metric of given values into the logs."""

    def on_epoch_end(self, epoch, logs=None):
        logs["metric"] = METRIC[epoch]


def trace(optimizer, callback):
    """The learning rates of the epochs of a fit of one batch each."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="m")
    model.compile(optimizer, "mse")
    callbacks = [Report(), callback, LogNumbers()]
    x, y, epochs = np.ones((2, 2)), np.ones((2, 1)), len(METRIC)
    history = model.fit(x, y, epochs=epochs, callbacks=callbacks, verbose=0)
    return history.history["learning_rate"]


def plateau(**options):
    return ReduceOnPlateau("metric", **{"mode": "min", **options})


def torch_trace(
    patience=10, min_delta=1e-4, min_value=0.0, threshold_mode="abs", **options
):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        patience=patience,
        threshold=min_delta,
        threshold_mode=threshold_mode,
        min_lr=min_value,
        eps=0,
        **options,
    )
    for value in METRIC:
        scheduler.step(value)
        yield optimizer.param_groups[0]["lr"]


class TestReduceOnPlateau(CallbackContract):
    component = ReduceOnPlateau
    alternatives = {"verbose": [True]}
    monitored = {"mode": "min"}
    arguments = {
        "monitor": "loss",
        "name": "probe/value",
        "factor": 0.5,
        "patience": 0,
        "mode": "max",
        "min_delta": 100.0,
        "cooldown": 1,
        "min_value": 0.25,
        "threshold_mode": "rel",
        "verbose": 1,
    }
    # The first loss is the best; the second is bad, the third cools down.
    seen = [8] * 6 + [4] * 3
    refused = [
        (
            {"factor": 1},
            "`factor` must be a number in (0, 1). Received: factor=1",
        ),
        (
            {"patience": -1},
            "`patience` must be an integer in [0, inf). Received: patience=-1",
        ),
        (
            {"mode": "least"},
            "`mode` must be one of 'auto', 'min', 'max'. Received: mode='least'",
        ),
        (
            {"min_delta": -1},
            "`min_delta` must be a number in [0, inf). Received: min_delta=-1",
        ),
        (
            {"cooldown": 0.5},
            "`cooldown` must be an integer in [0, inf). Received: cooldown=0.5",
        ),
        (
            {"min_value": None},
            "`min_value` must be a number in [0, inf). Received: min_value=None",
        ),
        (
            {"threshold_mode": "share"},
            "`threshold_mode` must be one of 'abs', 'rel'. "
            "Received: threshold_mode='share'",
        ),
        (
            {"verbose": 2},
            "`verbose` must be one of 0, 1, False, True. Received: verbose=2",
        ),
        (
            {"monitor": None},
            "`monitor` must be a string that is not empty. Received: monitor=None",
        ),
        (
            # Second in Keras's callback.
            {"name": 0.5},
            "`name` must be a string that is not empty. Received: name=0.5",
        ),
    ]

    @pytest.mark.one_backend
    @pytest.mark.parametrize("options", OPTIONS)
    def test_is_pytorch_s(self, options):
        actual = trace(keras.optimizers.SGD(0.5), plateau(**options))
        np.testing.assert_allclose(actual, list(torch_trace(**options)), rtol=1e-5)
        assert len(set(actual)) > 1

    def test_reduces_what_a_schedule_prescribes(self):
        schedule = OneCycle(0.5, len(METRIC))
        optimizer = ControlledOptimizer(keras.optimizers.Adam(schedule))
        actual = trace(optimizer, plateau(patience=2))
        factors = np.array(list(torch_trace(patience=2))) / 0.5
        desired = [float(schedule(step + 1)) for step in range(len(METRIC))] * factors
        np.testing.assert_allclose(actual, desired, rtol=1e-5)

    @pytest.mark.parametrize(
        ("monitor", "values"),
        [("accuracy", [0.1, 0.5, 0.9]), ("loss", [0.9, 0.5, 0.1])],
    )
    def test_knows_what_an_improvement_is(self, monitor, values):
        """As Keras's callback does, by default."""
        rates = {}
        for direction in (1, -1):
            model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
            model.compile(keras.optimizers.SGD(0.5), "mse", metrics=["accuracy"])
            model.evaluate(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
            callback = ReduceOnPlateau(monitor, patience=0)
            twin = keras.callbacks.ReduceLROnPlateau(monitor, patience=1)
            for each in (callback, twin):
                each.set_model(model)
                each.on_train_begin()
                model.optimizer.learning_rate = 0.5
                for epoch, value in enumerate(values[::direction]):
                    each.on_epoch_end(epoch, {monitor: value})
                rates[each, direction] = float(model.optimizer.learning_rate)
            assert rates[callback, direction] == rates[twin, direction]
        assert len(set(rates.values())) == 2

    def test_refuses_a_metric_of_no_known_direction(self):
        with pytest.raises(ValueError) as error:
            trace(keras.optimizers.SGD(0.5), ReduceOnPlateau("metric"))
        assert str(error.value) == (
            "`mode` must be 'min' or 'max' for 'metric', of which Keras does not know "
            "how it improves. Received: mode='auto'"
        )

    def test_defaults_are_keras_s(self):
        ours, theirs = (
            {name: p.default for name, p in inspect.signature(c).parameters.items()}
            for c in (ReduceOnPlateau, keras.callbacks.ReduceLROnPlateau)
        )
        theirs["min_value"] = theirs.pop("min_lr")
        assert {name: ours[name] for name in theirs if name != "kwargs"} == {
            name: value for name, value in theirs.items() if name != "kwargs"
        }

    def test_says_what_it_reduces(self, capsys):
        trace(keras.optimizers.SGD(0.5), plateau(patience=2, min_value=0.04, verbose=1))
        lines = capsys.readouterr().out.split("\n")
        # None of what is at its end already.
        assert [line for line in lines if line] == [
            "Epoch 8: metric has not improved for 3 epochs; learning_rate goes from "
            "0.5 to 0.05.",
            "Epoch 11: metric has not improved for 3 epochs; learning_rate goes from "
            "0.05 to 0.04.",
        ]

    def test_refuses_what_it_could_not_reduce(self):
        optimizer = keras.optimizers.SGD(OneCycle(0.5, 20))
        with pytest.raises(ValueError, match="no adjustable number 'learning_rate'"):
            trace(optimizer, ReduceOnPlateau("metric"))

    def test_refuses_a_metric_that_is_not_there(self):
        with pytest.raises(ValueError) as error:
            trace(keras.optimizers.SGD(0.5), ReduceOnPlateau("accuracy"))
        assert str(error.value) == (
            "The logs have no metric 'accuracy' to reduce 'learning_rate' by. They "
            "have: 'loss', 'metric'."
        )

    def test_warns_of_epochs_without_validation(self):
        with pytest.warns(UserWarning, match="no metric 'val_loss' to reduce"):
            rates = trace(keras.optimizers.SGD(0.5), ReduceOnPlateau())
        assert set(rates) == {0.5}
