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
]


class Report(keras.callbacks.Callback):
    """Puts a metric of given values into the logs."""

    def on_epoch_end(self, epoch, logs=None):
        logs["metric"] = METRIC[epoch]


def trace(optimizer, plateau):
    """The learning rates of the epochs of a fit of one batch each."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)], name="m")
    model.compile(optimizer, "mse")
    callbacks = [Report(), plateau, LogNumbers()]
    x, y, epochs = np.ones((2, 2)), np.ones((2, 1)), len(METRIC)
    history = model.fit(x, y, epochs=epochs, callbacks=callbacks, verbose=0)
    return history.history["learning_rate"]


def torch_trace(patience=10, min_delta=1e-4, min_value=0.0, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        patience=patience,
        threshold=min_delta,
        threshold_mode="abs",
        min_lr=min_value,
        eps=0,
        **options,
    )
    for value in METRIC:
        plateau.step(value)
        yield optimizer.param_groups[0]["lr"]


class TestReduceOnPlateau(CallbackContract):
    component = ReduceOnPlateau
    arguments = {
        "monitor": "loss",
        "name": "probe/value",
        "factor": 0.5,
        "patience": 0,
        "mode": "max",
        "min_delta": 100.0,
        "cooldown": 1,
        "min_value": 0.25,
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
            {"mode": "auto"},
            "`mode` must be one of 'min', 'max'. Received: mode='auto'",
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
    ]

    @pytest.mark.parametrize("options", OPTIONS)
    def test_is_pytorch_s(self, options):
        actual = trace(keras.optimizers.SGD(0.5), ReduceOnPlateau("metric", **options))
        np.testing.assert_allclose(actual, list(torch_trace(**options)), rtol=1e-5)
        assert len(set(actual)) > 1

    def test_reduces_what_a_schedule_prescribes(self):
        schedule = OneCycle(0.5, len(METRIC))
        optimizer = ControlledOptimizer(keras.optimizers.Adam(schedule))
        actual = trace(optimizer, ReduceOnPlateau("metric", patience=2))
        factors = np.array(list(torch_trace(patience=2))) / 0.5
        desired = [float(schedule(step + 1)) for step in range(len(METRIC))] * factors
        np.testing.assert_allclose(actual, desired, rtol=1e-5)

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
