"""The numbers in force."""

from typing import Any

import keras
from keras import ops

from kdl.layers.clock import driven_numbers


class LogNumbers(keras.callbacks.Callback):
    """Adds the numbers in force to the logs of each epoch.

    Every callback after it then logs them as it does a metric, whichever it is: the
    history, the progress bar, `CSVLogger`, `TensorBoard`, or one of your own.

        learning_rate                       of an optimizer that has a single one
        dropout/rate                        each number of a part on a schedule
        dense/kernel_regularizer/alpha
        multiplier/encoder.*                what `kdl.optimizers.ControlledOptimizer`
        gradient_norm/dense/kernel          scales and watches

    The numbers of parts are those of the last training batch; the learning rate is
    the one that the next step would take.

    Put it first. A callback before it does not see the numbers, and one that changes
    a number at the end of an epoch, as a plateau does, would be a step ahead.

    Example:

    >>> numbers = kdl.callbacks.LogNumbers()
    >>> history = model.fit(x, y, callbacks=[numbers, keras.callbacks.CSVLogger("log")])
    """

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs.update(numbers_in_force(self.model))


def numbers_in_force(model):
    """Returns the numbers of a model and its optimizer, as floats by name."""
    values = {}
    for optimizer in optimizers_of(model):
        # One that holds several optimizers has no rate of its own.
        if (rate := getattr(optimizer, "learning_rate", None)) is not None:
            values.setdefault("learning_rate", float(ops.convert_to_numpy(rate)))
        if hasattr(optimizer, "values"):
            values |= optimizer.values()
    for name, number in driven_numbers(model).items():
        values[name] = float(number.now(training=False))
    return values


def optimizers_of(model):
    """Yields the optimizer of a model, and those that it is wrapped around."""
    optimizer = model.optimizer
    while optimizer is not None:
        yield optimizer
        optimizer = getattr(optimizer, "inner_optimizer", None)
