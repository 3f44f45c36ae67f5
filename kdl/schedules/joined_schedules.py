"""Schedules one after the other."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_number_or_schedule
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class JoinedSchedules(keras.optimizers.schedules.LearningRateSchedule):
    """Runs schedules one after the other, each from its own step 0.

    With `[(m, a), (n, b), (None, c)]` the value is

        a(step)            for step < m
        b(step - m)        for m <= step < m + n
        c(step - m - n)    from there on, for ever

    Of Keras's schedules only `PiecewiseConstantDecay` changes its mind, between
    numbers. PyTorch calls this `SequentialLR`, and optax `join_schedules`; both take
    the steps of the changes, not the lengths.

    Every schedule is computed on every step, before its begin at its step 0, since a
    compiled step cannot branch.

    Args:
        schedules: List of two or more pairs `(steps, schedule)`. `steps` is an integer
            in `[1, inf)`, the training steps for which the schedule runs, and `None`
            in the last pair, which runs for ever. `schedule` is a float in `[0, inf)`
            or a `keras.optimizers.schedules.LearningRateSchedule`.

    Call arguments:
        step: Integer in `[0, 2**31)`, as a Python number, an array or a tensor. An
            array of steps gives an array of values.

    Returns:
        Float32 tensor of the shape of `step`, a scalar for one step.

    Raises:
        ValueError: If `schedules` is not a list of such pairs.

    Example:

    >>> decay = keras.optimizers.schedules.CosineDecay(0.001, decay_steps=900)
    >>> schedule = kdl.schedules.JoinedSchedules([(100, 0.0001), (None, decay)])
    >>> optimizer = keras.optimizers.AdamW(schedule)
    """

    def __init__(self, schedules: Sequence[tuple[int | None, FloatOrSchedule]]) -> None:
        super().__init__()
        if (
            not isinstance(schedules, (list, tuple))
            or len(schedules) < 2
            or any(not isinstance(pair, (list, tuple)) for pair in schedules)
            or any(len(pair) != 2 for pair in schedules)
            or schedules[-1][0] is not None
        ):
            raise ValueError(
                "`schedules` must be a list of two or more pairs (steps, schedule), "
                "with None for the steps of the last, which runs for ever. "
                f"Received: schedules={schedules!r}"
            )
        self.schedules = []
        for n, (steps, schedule) in enumerate(schedules):
            if n < len(schedules) - 1:
                steps = check_integer(f"schedules[{n}][0]", steps, "[1, inf)")
            schedule = check_number_or_schedule(
                f"schedules[{n}][1]", schedule, "[0, inf)"
            )
            self.schedules.append((steps, schedule))

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "int32")
        (start, schedule), *others = self.schedules
        result = schedule if isinstance(schedule, float) else schedule(step)
        for steps, schedule in others:
            value = schedule
            if not isinstance(value, float):
                value = value(ops.maximum(step - start, 0))
            result = ops.where(step < start, result, value)
            start += steps or 0
        return ops.cast(result, "float32")

    def get_config(self) -> dict[str, Any]:
        return {
            "schedules": [
                [steps, keras.saving.serialize_keras_object(schedule)]
                for steps, schedule in self.schedules
            ]
        }
