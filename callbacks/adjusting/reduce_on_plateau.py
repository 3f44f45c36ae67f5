"""Reduction on a plateau."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import keras

from kdl.callbacks.adjusting.adjust import AdjustableNumber
from kdl.callbacks.arguments import check_string
from kdl.callbacks.monitoring import MonitoredMetric
from kdl.checks import check_choice, check_integer, check_number
from kdl.typing import Mode


class ReduceOnPlateau(keras.callbacks.Callback):
    """Reduces a number once a metric has stopped improving.

    After each epoch, the metric either improves on the best so far, by more than
    `min_delta`, or the epoch is a bad one. When more than `patience` epochs in a row
    are bad, the number becomes

        max(number * factor, min_value)

    after which `cooldown` epochs cannot be bad.

    Keras's `ReduceLROnPlateau` raises a TypeError if the learning rate follows a
    schedule. This one multiplies what the schedule prescribes, so that it goes with
    a warm-up or any other: with the optimizer in a
    `kdl.optimizers.ControlledOptimizer`, and with any number of a model marked as
    `kdl.schedules.Adjustable`.

    Epochs are counted as in PyTorch's `ReduceLROnPlateau`. Keras reduces one epoch
    earlier, after `patience` bad ones, and lets the last epoch of a cooldown be bad.

    Args:
        monitor: String. Name of a metric in the logs. Defaults to `"val_loss"`.
        name: String. Name of the number, as in `kdl.callbacks.Adjust`. Defaults to
            `"learning_rate"`.
        factor: Float in `(0, 1)`. Defaults to `0.1`; 0.2 to 0.5 with many
            reductions.
        patience: Integer in `[0, inf)`. How many bad epochs in a row are tolerated.
            Defaults to `10`.
        mode: `"auto"`, `"min"` or `"max"`. What an improvement is. Defaults to
            `"auto"`, for what Keras knows of its metrics.
        min_delta: Float in `[0, inf)`. How much of an improvement is none. Defaults
            to `0.0001`.
        cooldown: Integer in `[0, inf)`. Number of epochs to wait after a reduction.
            Defaults to `0`.
        min_value: Float in `[0, inf)`. Where reductions end. Of a number that
            follows a schedule, it is the factor that is compared. Defaults to `0.0`.
        threshold_mode: `"abs"` or `"rel"`. Whether `min_delta` is an amount, as in
            Keras, or a share of the size of the best, as by default in PyTorch.
            Defaults to `"abs"`.
        verbose: `0` or `1`. Whether reductions are printed. Defaults to `0`.

    Raises:
        ValueError: If an argument is outside its interval, if the model has no
            adjustable number of the name, if Keras does not know how the metric
            improves and no `mode` says so, or if the logs have no such metric. Of an
            epoch without any validation, there is only a warning.

    Example:

    >>> plateau = kdl.callbacks.ReduceOnPlateau("loss", factor=0.5, patience=2)
    >>> history = model.fit(x, y, epochs=3, callbacks=[plateau])
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        name: str = "learning_rate",
        factor: float = 0.1,
        patience: int = 10,
        mode: Mode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_value: float = 0.0,
        threshold_mode: Literal["abs", "rel"] = "abs",
        verbose: Literal[0, 1] = 0,
    ) -> None:
        super().__init__()
        self.monitor = check_string("monitor", monitor)
        self.name = check_string("name", name)
        self.factor = check_number("factor", factor, "(0, 1)")
        self.patience = check_integer("patience", patience, "[0, inf)")
        self.mode = check_choice("mode", mode, ("auto", "min", "max"))
        self.min_delta = check_number("min_delta", min_delta, "[0, inf)")
        self.cooldown = check_integer("cooldown", cooldown, "[0, inf)")
        self.min_value = check_number("min_value", min_value, "[0, inf)")
        self.threshold_mode = check_choice(
            "threshold_mode", threshold_mode, ("abs", "rel")
        )
        self.verbose = check_choice("verbose", verbose, (0, 1, False, True))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._number = AdjustableNumber(self.model, self.name)
        self._metric = MonitoredMetric(
            self.monitor, self.mode, 0.0, 0.0, f"reduce {self.name!r} by"
        )
        self._best = math.inf  # Of what is maximized, the negative.
        self._bad = self._cooling = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        value = self._metric.look_up(self.model, logs)
        if value is None:
            return
        if self._metric.mode == "max":
            value = -value
        if value < self._best - self._margin():
            self._best, self._bad = value, 0
        else:
            self._bad += 1
        if self._cooling:
            self._cooling, self._bad = self._cooling - 1, 0
        if self._bad > self.patience:
            self._reduce(epoch)
            self._cooling, self._bad = self.cooldown, 0

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._number = None

    def get_state(self) -> dict[str, Any]:
        """Returns what has been seen, for `kdl.callbacks.Resume`."""
        return {"best": self._best, "bad": self._bad, "cooling": self._cooling}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self._best, self._bad = state["best"], state["bad"]
        self._cooling = state["cooling"]

    def _margin(self):
        """How much better than the best an improvement has to be."""
        if self.threshold_mode == "abs" or math.isinf(self._best):
            return self.min_delta
        return self.min_delta * abs(self._best)

    def _reduce(self, epoch):
        before = self._number.value
        self._number.assign(max(before * self.factor, self.min_value))
        after = self._number.value
        if self.verbose and after != before:
            # Below the progress bar, as Keras's callbacks print.
            print(
                f"\nEpoch {epoch + 1}: {self.monitor} has not improved for {self._bad} "
                f"epoch{'s' * (self._bad != 1)}; {self.name} goes from {before:.4g} to "
                f"{after:.4g}."
            )
