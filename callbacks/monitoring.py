"""Metrics that callbacks go by."""

import copy
import warnings

import keras
import numpy as np


class LoggedMetric:
    """A metric that a callback looks up in the logs of each epoch.

    Args:
        name: String. Name of the metric in the logs.
        purpose: String. What the callback does with it, as in "to stop by".
    """

    def __init__(self, name, purpose):
        self._name = name
        self._purpose = purpose
        self._warned = False

    def value(self, logs):
        """Returns its value, or `None` in an epoch without any validation.

        Raises:
            ValueError: If the logs have no such metric but should, or if it is not
                one number.
        """
        logs = logs or {}
        if self._name in logs:
            self._warned = True  # Nothing is missing, where there is none later.
            return _number(self._name, logs[self._name], self._purpose)
        names = ", ".join(map(repr, logs))
        message = (
            f"The logs have no metric {self._name!r} to {self._purpose}. "
            f"They have: {names}."
        )
        # By `validation_freq`, an epoch may be without validation.
        if not self._name.startswith("val_") or "'val_" in names:
            raise ValueError(message)
        if not self._warned:
            self._warned = True
            warnings.warn(message, stacklevel=3)
        return None


class MonitoredMetric:
    """A metric that is to improve, and its best value so far.

    Args:
        name: String. Name of the metric in the logs.
        mode: `"min"`, `"max"` or `"auto"`.
        min_delta: Float. How much of an improvement is none.
        smoothing: Float in `[0, 1)`. How much of the moving average is kept.
        purpose: String. What the callback does with it.
        argument: String. Name of the callback's argument for the mode.

    Attributes:
        mode: `"min"` or `"max"`, as soon as there was a value.
        value: Float. The last value, smoothed.
        improved: Boolean. Whether it was better than all before.
        best, best_epoch: The best value, `None` before there is one, and its epoch.
    """

    remembered = ("best", "best_epoch", "_average", "_count")

    def __init__(
        self, name, mode, min_delta, smoothing, purpose="stop by", argument="mode"
    ):
        self.name = name
        self.mode = mode
        self._min_delta = min_delta
        self._smoothing = smoothing
        self._argument = argument
        self._logged = LoggedMetric(name, purpose)
        self.value = self.best = None
        self.improved = False
        self.best_epoch = 0
        self._average = 0.0
        self._count = 0

    def look_up(self, model, logs):
        """Returns the value of an epoch, or `None` if it has none."""
        value = self._logged.value(logs)
        if value is not None and self.mode == "auto":
            self.mode = _direction(self.name, model, self._argument)
        return value

    def update(self, epoch, value):
        """Takes the value of an epoch into account."""
        self.value = self._smooth(value)
        self.improved = self.improves_on(self.best)
        if self.improved:
            self.best, self.best_epoch = self.value, epoch

    def improves_on(self, reference):
        if reference is None:
            return True
        # In float32, as Keras compares, where 0.7 + 0.1 is not less than 0.8.
        reference = np.float32(reference)
        if self.mode == "min":
            return bool(np.float32(self.value + self._min_delta) < reference)
        return bool(np.float32(self.value - self._min_delta) > reference)

    def loss_from_best(self):
        """How much worse than the best the last value is."""
        worse = self.value - self.best
        return worse if self.mode == "min" else -worse

    def _smooth(self, value):
        # Of what is not finite, no average would ever recover.
        if not self._smoothing or not np.isfinite(value):
            return value
        self._count += 1
        self._average += (1 - self._smoothing) * (value - self._average)
        return self._average / (1 - self._smoothing**self._count)


def get_state(part):
    """Returns what a part remembers from epoch to epoch, as plain values."""
    return {name: copy.copy(getattr(part, name)) for name in part.remembered}


def set_state(part, state):
    for name in part.remembered:
        setattr(part, name, copy.copy(state[name]))


def as_numbers(value):
    """Returns a value of the logs as an array of numbers, or `None` if it has none.

    Args:
        value: Number, array or tensor. Keras makes numbers of what it can, and leaves
            what has an axis as it is.
    """
    if keras.ops.is_tensor(value):
        value = keras.ops.convert_to_numpy(value)
    try:
        array = np.asarray(value)
        # Of text, NumPy would read numbers, and make NaN of `None`.
        return None if array.dtype.kind in "OSUMm" else array.astype("float64")
    except (TypeError, ValueError):
        return None


def _number(name, value, purpose):
    """Returns the only number of a metric, a float."""
    numbers = as_numbers(value)
    if numbers is None:
        raise ValueError(
            f"The metric {name!r} must be a number to {purpose}. "
            f"Received: {name}={value!r}"
        )
    if numbers.size != 1:
        raise ValueError(
            f"The metric {name!r} must be one number to {purpose}, but it is an array "
            f"of shape {numbers.shape}. Use a metric that averages over the classes, "
            "such as `kdl.metrics.F1Score`."
        )
    return numbers.item()


def _direction(name, model, argument):
    """Returns which way Keras takes a metric to improve."""
    # Metrics keep their direction to themselves, so Keras's callback is asked which of
    # two values is the better one.
    twin = keras.callbacks.EarlyStopping(name, patience=2)
    twin.set_model(model)
    twin.on_train_begin()
    try:
        twin.on_epoch_end(0, {name: 0.0})
    except ValueError:
        raise ValueError(
            f"`{argument}` must be 'min' or 'max' for {name!r}, of which Keras does "
            f"not know how it improves. Received: {argument}='auto'"
        ) from None
    twin.on_epoch_end(1, {name: 1.0})
    return "max" if twin.best == 1.0 else "min"
