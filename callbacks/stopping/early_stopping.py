"""Early stopping."""

import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np

from kdl.callbacks.arguments import check_path, make_folder
from kdl.callbacks.monitoring import (
    MonitoredMetric,
    as_numbers,
    get_state,
    set_state,
)
from kdl.callbacks.stopping.best_checkpoints import BestCheckpoints
from kdl.callbacks.stopping.criteria import Criterion, Patience
from kdl.checks import (
    check_boolean,
    check_choice,
    check_integer,
    check_number,
    check_optional,
)
from kdl.typing import Mode, StrPath


class EarlyStopping(keras.callbacks.Callback):
    """Stops a fit that no longer improves or has used its budget, and says why.

    With the arguments of Keras's `EarlyStopping`, up to `start_from_epoch`, it stops
    after the same epoch and restores the same weights. Beyond them there are several
    metrics, moving averages, other criteria, budgets and checkpoints. At the end,
    `reason` is a sentence such as

        Stopped after epoch 12: val_loss has not improved for 5 epochs; the best
        val_loss was 0.1234 in epoch 7, whose weights were restored.

    which counts epochs from one, as Keras prints them. The attributes `best`,
    `best_epoch` and `stopped_epoch` are Keras's, which count from zero.

    After each epoch that has the metric, and from `start_from_epoch` on, the metric is
    judged by a criterion: `Patience`, which is Keras's, or one of Prechelt's for
    errors, `GeneralizationLoss`, `ProgressQuotient` or `SuccessiveRises`.

    Where it departs from Keras: it says why it stopped unless verbose=0. A metric
    that is not in the logs is an error, but for one of the validation in a fit or an
    epoch without any. An unknown `mode` and a negative `min_delta` are refused, and so
    is a start beyond the end of the fit. `best_weights` are released at the end. As
    with Keras, NaN is no improvement, except that nothing improves on a first value of
    NaN: use `stop_on_nan`.

    Args:
        monitor: String or list of strings. Names of metrics in the logs. `best`,
            `best_epoch`, the weights restored and the checkpoints are those of the
            first. Defaults to `"val_loss"`.
        min_delta: Float in `[0, inf)`, or dict of one for each metric. How much of an
            improvement is none. Defaults to `0`.
        patience: Optional integer in `[0, inf)`. How many epochs without an
            improvement end the fit; 5 to 20 for a curve with noise. It stands for
            `criterion=Patience(patience)`. Defaults to `None`, which is `0` as with
            Keras, or what `criterion` says. But where
            `max_seconds`, `max_steps`, `stop_on_nan` or `divergence` is to end the fit,
            and neither `min_delta` nor `baseline` is given, it is no criterion at all.
        verbose: `0` or `1`. Whether `reason` is printed. Defaults to `1`.
        mode: `"auto"`, `"min"` or `"max"`, or dict of one for each metric. What an
            improvement is. Defaults to `"auto"`, for what Keras knows of its metrics.
        baseline: Optional float, or dict of one for each metric. To `Patience`, an
            improvement counts only if it also improves on this. Defaults to `None`.
        restore_best_weights: Boolean. Whether the model ends with the weights of the
            best epoch, also if it ran to the end. They are copied at each
            improvement. Defaults to `False`.
        start_from_epoch: Integer in `[0, inf)`. Index of the first epoch to judge.
            Defaults to `0`.
        rule: `"any"` or `"all"`. How many of the metrics must have stopped improving.
            Defaults to `"any"`.
        smoothing: Float in `[0, 1)`. Each metric is judged by its moving average,
            `average = smoothing * average + (1 - smoothing) * value`, divided by the
            sum of its weights. Defaults to `0.0`, for the values themselves.
        min_epochs: Integer in `[0, inf)`. Number of epochs before which no criterion
            stops the fit, while all are judged. Budgets, NaN and divergence do.
            Defaults to `0`.
        criterion: Optional `Patience`, `GeneralizationLoss`, `ProgressQuotient` or
            `SuccessiveRises`, which judges each metric by itself. Defaults to `None`,
            for `Patience`.
        max_seconds: Optional float in `(0, inf)`. Time since the start of the fit, by
            the clock on the wall, after which the next batch to begin is the last. JAX
            runs ahead of its results, so that the fit takes longer by what is
            under way. Defaults to `None`.
        max_steps: Optional integer in `[1, inf)`. Number of training batches after
            which the fit ends. With `steps_per_execution`, the execution that reaches
            it is the last. Defaults to `None`.
        stop_on_nan: Boolean. Whether the fit ends with the first epoch in which the
            loss or a metric is NaN or infinite. Defaults to `False`, since a batch that
            overflows in float16 makes the loss of an epoch infinite, which a fit
            survives.
        divergence: Optional float in `(0, inf)`. Ends the fit once a metric is worse
            than its best by more than this amount. Defaults to `None`.
        top_k: Integer in `[0, inf)`. How many of the best models are kept in
            `directory`, each as `epoch-007-val_loss-0.1234.keras`, and listed in
            `index.json`, best first. Defaults to `0`.
        directory: Optional path of a folder, one for each fit. Defaults to `None`.

    Raises:
        ValueError: If an argument is outside its interval, if budgets contradict each
            other or the length of the fit, if a metric is not in the logs or its mode
            not known, if the metric of one of Prechelt's criteria is maximized or
            negative, or if `directory` holds the checkpoints of another fit.

    Example:

    >>> stopping = kdl.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    >>> history = model.fit(x, y, epochs=5, validation_data=validation,
    ...                     callbacks=[stopping])
    >>> print(stopping.reason)
    """

    def __init__(
        self,
        monitor: str | Sequence[str] = "val_loss",
        min_delta: float | Mapping[str, float] = 0,
        patience: int | None = None,
        verbose: Literal[0, 1] = 1,
        mode: Mode | Mapping[str, Mode] = "auto",
        baseline: float | Mapping[str, float] | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
        rule: Literal["any", "all"] = "any",
        smoothing: float = 0.0,
        min_epochs: int = 0,
        criterion: Criterion | None = None,
        max_seconds: float | None = None,
        max_steps: int | None = None,
        stop_on_nan: bool = False,
        divergence: float | None = None,
        top_k: int = 0,
        directory: StrPath | None = None,
    ) -> None:
        super().__init__()

        positive = functools.partial(_optional_number, interval="(0, inf)")
        self.monitor = monitor
        self.min_delta = min_delta
        self.patience = check_optional(check_integer, "patience", patience, "[0, inf)")
        self.verbose = check_choice("verbose", verbose, (0, 1, False, True))
        self.mode = mode
        self.baseline = baseline
        self.restore_best_weights = check_boolean(
            "restore_best_weights", restore_best_weights
        )
        self.start_from_epoch = check_integer(
            "start_from_epoch", start_from_epoch, "[0, inf)"
        )
        self.rule = check_choice("rule", rule, ("any", "all"))
        self.smoothing = check_number("smoothing", smoothing, "[0, 1)")
        self.min_epochs = check_integer("min_epochs", min_epochs, "[0, inf)")
        self.criterion = criterion
        self.max_seconds = positive("max_seconds", max_seconds)
        self.max_steps = check_optional(
            check_integer, "max_steps", max_steps, "[1, inf)"
        )
        self.stop_on_nan = check_boolean("stop_on_nan", stop_on_nan)
        self.divergence = positive("divergence", divergence)
        self.top_k = check_integer("top_k", top_k, "[0, inf)")
        self.directory = check_optional(check_path, "directory", directory)
        self._check_arguments()
        self.reason = self.best = self.best_weights = None
        self.best_epoch = self.stopped_epoch = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._check_fit()
        self._metrics = [self._new_metric(name) for name in self._names]
        self._criteria = [self._new_criterion(name) for name in self._names]
        self._checkpoints = None
        if self.top_k:
            make_folder(self.directory)
            self._checkpoints = BestCheckpoints(self.top_k, self.directory)
        self.reason = self.best = self.best_weights = None
        self.best_epoch = self.stopped_epoch = 0
        self._why = None  # As long as the fit is to go on.
        self._epoch = None  # The one at hand, or the last.
        self._start = time.monotonic()
        self._steps = self._first = 0  # All, and those before this epoch.

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # Only now, since a fit is resumed after `on_train_begin`.
        if self._checkpoints is not None and self._epoch is None:
            self._checkpoints.check_unused()
        self._epoch = epoch
        self._why = None

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        # After this batch, Keras looks whether to stop.
        if self.max_steps is not None:
            ends = batch + self._execution
            steps = (self.params or {}).get("steps") or ends
            self._steps = self._first + min(ends, steps)
            if self._steps >= self.max_steps:
                self._stop("in", f"max_steps={self.max_steps} are done")
        if self.max_seconds is not None:
            self._watch_the_clock("in")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch
        self._first = self._steps
        self._judge(epoch, logs)
        if self.max_seconds is not None:
            self._watch_the_clock("after")

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self.reason = self._explain()
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)
            self.best_weights = None
        if self.verbose:
            print(self.reason)

    def get_state(self) -> dict[str, Any]:
        """Returns what has been seen and used, for `kdl.callbacks.Resume`."""
        return {
            "metrics": [get_state(metric) for metric in self._metrics],
            "criteria": [get_state(criterion) for criterion in self._criteria],
            "checkpoints": self._checkpoints and get_state(self._checkpoints),
            "best_weights": self.best_weights,
            "seconds": time.monotonic() - self._start,
            # In an epoch that goes on, Keras begins again with its first batch.
            "steps": self._first,
            "epoch": self._epoch,
            "why": self._why,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        for metric, values in zip(self._metrics, state["metrics"], strict=True):
            set_state(metric, values)
        for criterion, values in zip(self._criteria, state["criteria"], strict=True):
            set_state(criterion, values)
        if self._checkpoints is not None and state["checkpoints"] is not None:
            set_state(self._checkpoints, state["checkpoints"])
        self.best, self.best_epoch = self._metrics[0].best, self._metrics[0].best_epoch
        self.best_weights = state["best_weights"]
        self._start = time.monotonic() - state["seconds"]
        self._steps = self._first = state["steps"]
        self._epoch, self._why = state["epoch"], state["why"]
        self.stopped_epoch = 0 if self._why is None else self._epoch

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "best_weights": None, "_model": None}

    def _check_arguments(self):
        monitor = self.monitor
        if isinstance(monitor, str):
            monitor = self.monitor = str(monitor)  # NumPy's, too.
        names = [monitor] if isinstance(monitor, str) else monitor
        if (
            not isinstance(names, (list, tuple))
            or not names
            or not all(isinstance(name, str) and name.strip() for name in names)
            or len(set(names)) < len(names)
        ):
            raise ValueError(
                "`monitor` must be the name of a metric, or a list of different ones. "
                f"Received: monitor={monitor!r}"
            )
        self._names = list(names)
        modes = functools.partial(check_choice, choices=("auto", "min", "max"))
        deltas = functools.partial(check_number, interval="[0, inf)")
        baselines = functools.partial(_optional_number, interval="(-inf, inf)")
        self._modes = _for_each("mode", self.mode, names, modes)
        self._min_deltas = _for_each("min_delta", self.min_delta, names, deltas)
        self._baselines = _for_each("baseline", self.baseline, names, baselines)
        for argument, checked in (
            ("mode", self._modes),
            ("min_delta", self._min_deltas),
            ("baseline", self._baselines),
        ):
            if not isinstance(getattr(self, argument), dict):
                setattr(self, argument, checked[names[0]])
        self._check_criterion(names)
        if bool(self.top_k) != (self.directory is not None):
            raise ValueError(
                "`top_k` and `directory` must be given together. Received: "
                f"top_k={self.top_k}, directory={self.directory!r}"
            )

    def _check_criterion(self, names):
        if not isinstance(self.criterion, Criterion | None):
            raise ValueError(
                "`criterion` must be a `Patience`, `GeneralizationLoss`, "
                "`ProgressQuotient` or `SuccessiveRises` of `kdl.callbacks`. "
                f"Received: criterion={self.criterion!r}"
            )
        if None not in (self.patience, self.criterion):
            raise ValueError(
                "`patience` stands for `criterion=Patience(patience)`: give one of the "
                f"two. Received: patience={self.patience}, criterion={self.criterion}"
            )
        self._criterion = self.criterion or Patience(self.patience or 0)
        for name in names:
            self._criterion.check_minimized(name, self._modes[name])

    def _check_fit(self):
        self._execution = getattr(self.model, "steps_per_execution", 1)
        epochs = (self.params or {}).get("epochs")
        steps = (self.params or {}).get("steps")
        for name in ("min_epochs", "start_from_epoch"):
            value = getattr(self, name)
            if epochs and value > epochs:
                raise ValueError(
                    f"`{name}` must be at most {epochs}, the epochs of the fit. "
                    f"Received: {name}={value}"
                )
            if steps and self.max_steps is not None and self.max_steps < value * steps:
                raise ValueError(
                    f"`max_steps` must be at least {value * steps}, the steps of "
                    f"{name}={value} epochs. Received: max_steps={self.max_steps}"
                )

    @property
    def _has_only_limits(self):
        """Whether the fit ends by a budget and the like, and by no criterion."""
        limits = (self.max_seconds, self.max_steps, self.divergence)
        return (
            self.criterion is None
            and self.patience is None
            and (self.stop_on_nan or any(limit is not None for limit in limits))
            and not any(self._min_deltas.values())
            and all(value is None for value in self._baselines.values())
        )

    @property
    def _needs_no_metric(self):
        """Whether the metric of the defaults would serve no purpose but to be told."""
        return (
            self._has_only_limits
            and self.monitor == "val_loss"
            and self.divergence is None
            and not (self.restore_best_weights or self.top_k)
        )

    def _new_metric(self, name):
        return MonitoredMetric(
            name, self._modes[name], self._min_deltas[name], self.smoothing
        )

    def _new_criterion(self, name):
        criterion = Criterion() if self._has_only_limits else self._criterion
        return criterion.begin(name, self._min_deltas[name], self._baselines[name])

    def _watch_the_clock(self, place):
        if time.monotonic() - self._start >= self.max_seconds:
            self._stop(place, f"max_seconds={self.max_seconds:g} have passed")

    def _stop(self, place, why):
        """Stops "in" or "after" this epoch, unless there was a reason before."""
        if self._why is None:
            self._why = f"Stopped {place} epoch {self._epoch + 1}: {why}"
            self.stopped_epoch = self._epoch
            self.model.stop_training = True

    def _judge(self, epoch, logs):
        logs = logs or {}
        if self.stop_on_nan:
            for name in dict.fromkeys(["loss", *self._names]):
                numbers = as_numbers(logs.get(name, 0.0))
                if numbers is not None and not np.isfinite(numbers).all():
                    self._stop("after", f"{name} is {logs[name]}")
                    # Nothing of this epoch may be the best.
                    return
        if self._needs_no_metric and "val_loss" not in logs:
            return
        # From the first epoch on, so that nobody waits to be told of a wrong name.
        values = [metric.look_up(self.model, logs) for metric in self._metrics]
        for metric in self._metrics:
            self._criterion.check_minimized(metric.name, metric.mode)
        if epoch < self.start_from_epoch or all(value is None for value in values):
            return
        for n, value in enumerate(values):
            if value is not None:
                self._metrics[n].update(epoch, value)
                self._criteria[n].judge(self._metrics[n], epoch, logs)
                self._watch_divergence(self._metrics[n])
        if values[0] is not None:
            self._keep(self._metrics[0], epoch)
        verdicts = [criterion.verdict for criterion in self._criteria]
        found = [verdict for verdict in verdicts if verdict is not None]
        enough = len(found) == len(verdicts) if self.rule == "all" else bool(found)
        if enough and epoch + 1 >= self.min_epochs:
            self._stop("after", " and ".join(found))

    def _watch_divergence(self, metric):
        if self.divergence is not None and metric.loss_from_best() > self.divergence:
            self._stop(
                "after",
                f"{metric.name} is {metric.value:.4g}, worse than its best by more "
                f"than divergence={self.divergence:g}",
            )

    def _keep(self, metric, epoch):
        """Keeps the weights and the model, if the metric is among the best."""
        if metric.improved:
            self.best, self.best_epoch = metric.best, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
        if self._checkpoints is not None:
            self._checkpoints.offer(self.model, epoch, metric)

    def _explain(self):
        if self._why is not None:
            head = self._why
        elif self._epoch is None:
            return "There was no epoch to run."
        elif self.model.stop_training:
            head = f"Stopped after epoch {self._epoch + 1} by another callback"
        else:
            head = f"Ran all its {self._epoch + 1} epochs"
        if self._needs_no_metric and self._metrics[0].best is None:
            return f"{head}."
        return f"{head}; {', '.join(map(self._best_of, self._metrics))}."

    def _best_of(self, metric):
        if metric.best is None:
            return f"{metric.name} was never judged"
        restored = self.best_weights is not None and metric is self._metrics[0]
        return (
            f"the best {metric.name} was {metric.best:.4g} in epoch "
            f"{metric.best_epoch + 1}" + restored * ", whose weights were restored"
        )


def _optional_number(name, value, interval):
    return check_optional(check_number, name, value, interval)


def _for_each(argument, value, names, check):
    """Returns a dict of the value of an argument for each metric."""
    if not isinstance(value, dict):
        return dict.fromkeys(names, check(argument, value))
    if value.keys() != set(names):
        listed = ", ".join(map(repr, names))
        raise ValueError(
            f"`{argument}` must be one value, or a dict of one for each of {listed}. "
            f"Received: {argument}={value!r}"
        )
    return {name: check(f"{argument}[{name!r}]", value[name]) for name in names}
