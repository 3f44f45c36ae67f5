"""Warm-up."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_number, check_number_or_schedule
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to the first value of a schedule, which then begins.

    The value is

        schedule(0) * (start_factor + (1 - start_factor) * step / steps)

    before step `steps`, and `schedule(step - steps)` from there on.

    The first gradients come from random weights, and adaptive optimizers know little
    yet of their scale; small steps keep both from doing harm. Among Keras's schedules
    only `CosineDecay` can warm up.

    It is PyTorch's `SequentialLR` of `LinearLR` and another, where `start_factor` is
    1 / 3 unless told otherwise.

    Args:
        schedule: Float in `[0, inf)` or
            `keras.optimizers.schedules.LearningRateSchedule`. What follows the
            warm-up, from its own step 0.
        steps: Integer in `[1, inf)`. Length of the warm-up in training steps, such as
            1 to 10 % of the training, or `2 / (1 - beta_2)` with Adam.
        start_factor: Float in `[0, 1]`. The value on step 0 over the first one of
            the schedule. Defaults to `0.0`, with which the first step changes
            nothing.

    Call arguments:
        step: Integer in `[0, 2**31)`, as a Python number, an array or a tensor. An
            array of steps gives an array of values.

    Returns:
        Float32 tensor of the shape of `step`, a scalar for one step.

    Raises:
        ValueError: If an argument is outside its interval, or `schedule` neither a
            number nor a schedule.

    Example:

    >>> decay = keras.optimizers.schedules.CosineDecay(0.001, decay_steps=900)
    >>> optimizer = keras.optimizers.AdamW(kdl.schedules.Warmup(decay, steps=100))

    References:
        - [Goyal et al., 2017](https://arxiv.org/abs/1706.02677)
        - [Ma and Yarats, 2019](https://arxiv.org/abs/1910.04209)
    """

    def __init__(
        self, schedule: FloatOrSchedule, steps: int, start_factor: float = 0.0
    ) -> None:
        super().__init__()
        self.schedule = check_number_or_schedule("schedule", schedule, "[0, inf)")
        self.steps = check_integer("steps", steps, "[1, inf)")
        self.start_factor = check_number("start_factor", start_factor, "[0, 1]")

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "int32")
        value = self.schedule
        if not isinstance(value, float):
            value = ops.cast(value(ops.maximum(step - self.steps, 0)), "float32")
        position = ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)
        return (self.start_factor + (1 - self.start_factor) * position) * value

    def get_config(self) -> dict[str, Any]:
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "steps": self.steps,
            "start_factor": self.start_factor,
        }
