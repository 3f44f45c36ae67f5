"""Changing numbers while a fit runs."""

import functools
from collections.abc import Callable
from typing import Any, Literal

import keras
from keras import ops

from kdl.callbacks.arguments import check_function, check_string
from kdl.callbacks.log_numbers import optimizers_of
from kdl.callbacks.monitoring import as_numbers
from kdl.checks import check_choice, check_number
from kdl.layers.clock import numbers_of


class Adjust(keras.callbacks.Callback):
    """Sets a number of a running fit, by epoch, by batch or by its metrics.

    The number is the variable of one that is marked as `kdl.schedules.Adjustable`, in
    a layer, a regularizer, a loss or a `kdl.optimizers.ControlledOptimizer`, or a
    learning rate. It is set to

        function(epoch)          before each epoch, with by="epoch"
        function(batch)          before each training batch, with by="batch"
        function(value, logs)    after each epoch, with by="metrics"

    where epoch and batch are counted from zero, batches through all epochs, and
    `value` is what it was. A schedule is such a function of the epoch or batch.

    Set by a schedule of its own, a number follows the compiled steps and needs no
    callback. This is for what depends on the epoch, on metrics, or on anything else
    that Python knows. With by="batch", Keras copies the state of the model to and fro
    for each batch on JAX, which takes 0.2 to 2 milliseconds, the more variables
    the longer; a schedule of the number costs nothing.

    The number keeps its last value after the fit, as a learning rate does.

    Args:
        name: String. Name of the number, such as `"dropout/rate"` or
            `"learning_rate"`: the name of the layer and of its argument, or what
            `LogNumbers` logs.
        function: Function that returns the new value, as above.
        by: `"epoch"`, `"batch"` or `"metrics"`. Defaults to `"epoch"`.

    Raises:
        ValueError: If `by` is none of its values, if the model has no adjustable
            number of the name, if a new value is no number or outside the interval of
            the number, or with by="batch" if Keras runs several batches at once.

    Example:

    >>> halve = kdl.callbacks.Adjust("learning_rate", lambda rate, logs: rate / 2,
    ...                              by="metrics")
    >>> history = model.fit(x, y, callbacks=[halve])
    """

    _argument = "function"  # What a user calls it.

    def __init__(
        self,
        name: str,
        function: Callable[..., float],
        by: Literal["epoch", "batch", "metrics"] = "epoch",
    ) -> None:
        super().__init__()
        self.name = check_string("name", name)
        self.function = check_function("function", function)
        self.by = check_choice("by", by, ("epoch", "batch", "metrics"))

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._number = AdjustableNumber(self.model, self.name)
        self._first = self._batches = 0
        execution = self.model.steps_per_execution
        if self.by == "batch" and execution > 1:
            raise ValueError(
                f"`by` must be 'epoch' or 'metrics', or the number must follow a "
                f"schedule of its own: Keras calls callbacks once in {execution} "
                f"batches, for steps_per_execution={execution}. Received: by='batch'"
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # After a resumption, the epochs before are counted where their length is known.
        steps = (self.params or {}).get("steps")
        self._first = epoch * steps if steps else self._batches
        if self.by == "epoch":
            self._set(self.function(epoch))

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self._batches = self._first + batch + 1
        if self.by == "batch":
            # On JAX, this writes the live state into the variables, and has Keras
            # read it from them again.
            _ = self.model
            self._set(self.function(self._first + batch))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.by == "metrics":
            self._set(self.function(self._number.value, logs))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._number = None

    def _set(self, value):
        numbers = as_numbers(value)
        if numbers is None or numbers.size != 1:
            raise ValueError(
                f"`{self._argument}` must return a number. Received: {value!r}"
            )
        self._number.assign(numbers.item())


class AdjustableNumber:
    """A number of a model that a callback may set.

    On JAX, the live state is in the variables before and after an epoch, and within
    one after `self.model` of a callback has been read.

    Args:
        model: `keras.Model`.
        name: String. `"learning_rate"`, or the name of an `Adjustable` number.

    Raises:
        ValueError: If the model has no such number.
    """

    def __init__(self, model, name):
        # By name, the variable and what checks a value of it.
        found = {}
        for optimizer in optimizers_of(model):
            rate = getattr(optimizer, "learning_rate", None)
            if isinstance(rate, keras.Variable):
                check = functools.partial(
                    check_number, "learning_rate", interval="[0, inf)"
                )
                found["learning_rate"] = rate, check
            for key, variable in getattr(optimizer, "adjustable", {}).items():
                check = functools.partial(optimizer.check_adjustable, key)
                found[key] = variable, check
        numbers = numbers_of(model)
        for key, number in numbers.items():
            if number.is_adjustable:
                found[key] = number.variable, number.check_variable
        if name not in found:
            raise ValueError(_refusal(model, name, numbers, found))
        self._variable, self._check = found[name]

    @property
    def value(self):
        return float(ops.convert_to_numpy(self._variable))

    def assign(self, value):
        self._check(value)
        self._variable.assign(value)


def _refusal(model, name, numbers, found):
    if name in numbers:
        advice = (
            "It follows a schedule alone: give the part "
            "`kdl.schedules.Adjustable(schedule=…)` instead."
        )
    elif name == "learning_rate":
        advice = (
            "The learning rate follows a schedule alone: wrap the optimizer in "
            "`kdl.optimizers.ControlledOptimizer`."
        )
    elif name.startswith("multiplier/"):
        pattern = name.removeprefix("multiplier/")
        advice = (
            "Compile it with `kdl.optimizers.ControlledOptimizer(optimizer, "
            f"multipliers={{{pattern!r}: kdl.schedules.Adjustable()}})`."
        )
    else:
        advice = (
            "Keras compiles a Python number, such as the rate of its own Dropout, into "
            "the training step: give a part of kdl `kdl.schedules.Adjustable(…)`."
        )
    known = ", ".join(map(repr, found)) or "none"
    return (
        f"The model {model.name!r} has no adjustable number {name!r}. {advice} "
        f"Adjustable are: {known}."
    )
