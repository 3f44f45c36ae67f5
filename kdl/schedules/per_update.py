"""Counting updates."""

from typing import Any

import keras

from kdl.checks import check_number_or_schedule
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class PerUpdate(keras.optimizers.schedules.LearningRateSchedule):
    """Has a schedule count the updates of the optimizer, rather than batches.

    The two differ where the optimizer accumulates gradients: with
    `gradient_accumulation_steps=4`, batches 0 to 3 belong to update 0. What a layer,
    a regularizer or a loss reads off a schedule is counted in training batches,
    unless the schedule is wrapped in this: the step is then the number of batches
    before, divided by `gradient_accumulation_steps`, rounded down.

    It is for `kdl.layers.Clock` to tell the two apart. Called by anything else, such
    as an optimizer, the schedule is what it was.

    Args:
        schedule: Float or `keras.optimizers.schedules.LearningRateSchedule`.

    Call arguments:
        step: Integer in `[0, inf)`, as a Python number, an array or a tensor.

    Returns:
        Scalar float32 tensor: what the schedule says.

    Raises:
        ValueError: If `schedule` is neither a number nor a schedule.

    Example:

    >>> rate = kdl.schedules.OneCycle(0.5, total_steps=1000)
    >>> layer = kdl.layers.DropConnectDense(8, kdl.schedules.PerUpdate(rate))
    """

    def __init__(self, schedule: FloatOrSchedule) -> None:
        super().__init__()
        self.schedule = check_number_or_schedule("schedule", schedule, "(-inf, inf)")

    def __call__(self, step: Tensor) -> Tensor:
        return self.schedule(step) if callable(self.schedule) else self.schedule

    def get_config(self) -> dict[str, Any]:
        return {"schedule": keras.saving.serialize_keras_object(self.schedule)}
