"""A number that callbacks may change."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_number, check_number_or_schedule
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Adjustable(keras.optimizers.schedules.LearningRateSchedule):
    """Marks a number that callbacks may change while a fit runs.

    The number in force is

        variable * schedule(step)

    where the variable begins at `value`. Each part that takes the number has a
    variable of its own, which Keras saves with the model. Without a schedule the
    variable is the number; with one it is a factor, so that a plateau can halve what
    a schedule prescribes.

    Keras compiles Python numbers into the training step, where a change from outside
    is lost. So a number that is to be changed has to be marked beforehand.

    Args:
        value: Float. What the variable begins at. Defaults to `1.0`.
        schedule: Float or `keras.optimizers.schedules.LearningRateSchedule`, by
            which the variable is multiplied. Defaults to `1.0`.

    Call arguments:
        step: Integer in `[0, inf)`, as a Python number, an array or a tensor.

    Returns:
        Scalar float32 tensor: the number as long as nobody has changed it.

    Raises:
        ValueError: If an argument is neither a number nor, where one is allowed, a
            schedule.

    Example:

    >>> rate = kdl.schedules.Adjustable(0.5)
    >>> layer = kdl.layers.DropConnectDense(8, rate=rate)
    """

    def __init__(self, value: float = 1.0, schedule: FloatOrSchedule = 1.0) -> None:
        super().__init__()
        self.value = check_number("value", value, "(-inf, inf)")
        self.schedule = check_number_or_schedule("schedule", schedule, "(-inf, inf)")

    def __call__(self, step: Tensor) -> Tensor:
        return ops.cast(self.value * self.factor(step), "float32")

    def factor(self, step: Tensor) -> Tensor:
        """What the variable is multiplied by: a float, or a tensor."""
        return self.schedule(step) if callable(self.schedule) else self.schedule

    def check_value(self, value: float, name: str, interval: str) -> None:
        """Refuses a value of the variable for which the number leaves its interval."""
        # What a schedule makes of a factor is another matter.
        if isinstance(self.schedule, float):
            check_number(name, value * self.schedule, interval)

    def get_config(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "schedule": keras.saving.serialize_keras_object(self.schedule),
        }
