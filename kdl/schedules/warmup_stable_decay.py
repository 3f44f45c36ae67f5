"""Warm-up, stable phase and decay."""

import math
from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_integer, check_number
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class WarmupStableDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises to `max_value`, stays there, and falls in the last steps.

    The value is `max_value * step / warmup_steps` at first, then `max_value`, and, `p`
    of the way through the last `decay_steps`,

        final_value * (1 - left) + max_value * left

        left = 1 - p                     "linear"
        left = (1 + cos(pi * p)) / 2     "cosine"
        left = 1 - sqrt(p)               "1-sqrt"

    From step `total_steps` on it is `final_value`.

    A cosine decay has to know the length of the training from its first step. Here
    all lengths share their beginning, so that one long run and a short decay from any
    of its checkpoints replace a run for each length, at about the same loss. Keras
    has the cosine, but no stable phase.

    Args:
        max_value: Float in `(0, inf)`. The value of the stable phase: as a learning
            rate rather below the best peak of a cosine decay, since it lasts.
        total_steps: Integer in `[1, inf)`. Training steps of the three phases.
        warmup_steps: Integer in `[0, total_steps)`. Training steps of the rise.
        decay_steps: Integer in `[1, total_steps - warmup_steps]`. Training steps of
            the fall, such as 10 to 20 % of all.
        decay: `"linear"`, `"cosine"` or `"1-sqrt"`. Shape of the fall. Defaults to
            `"1-sqrt"`, the best one in Hägele et al.
        final_value: Float in `[0, max_value]`. The value after the fall. Defaults to
            `0.0`.

    Call arguments:
        step: Integer in `[0, 2**31)`, as a Python number, an array or a tensor. An
            array of steps gives an array of values.

    Returns:
        Float32 tensor of the shape of `step`, a scalar for one step.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> schedule = kdl.schedules.WarmupStableDecay(
    ...     0.001, total_steps=1000, warmup_steps=50, decay_steps=200
    ... )
    >>> optimizer = keras.optimizers.AdamW(schedule)

    References:
        - [Hu et al., 2024](https://arxiv.org/abs/2404.06395)
        - [Hägele et al., 2024](https://arxiv.org/abs/2405.18392)
    """

    def __init__(
        self,
        max_value: float,
        total_steps: int,
        warmup_steps: int,
        decay_steps: int,
        decay: Literal["linear", "cosine", "1-sqrt"] = "1-sqrt",
        final_value: float = 0.0,
    ) -> None:
        super().__init__()
        self.max_value = check_number("max_value", max_value, "(0, inf)")
        self.total_steps = check_integer("total_steps", total_steps, "[1, inf)")
        self.warmup_steps = check_integer(
            "warmup_steps", warmup_steps, f"[0, {self.total_steps})"
        )
        self.decay_steps = check_integer(
            "decay_steps", decay_steps, f"[1, {self.total_steps - self.warmup_steps}]"
        )
        self.decay = check_choice("decay", decay, ("linear", "cosine", "1-sqrt"))
        self.final_value = check_number(
            "final_value", final_value, f"[0, {self.max_value}]"
        )

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "int32")
        # In integers, since the root magnifies what rounding does to the first steps;
        # from the end on, where a final value may be tiny.
        left = ops.cast(self.total_steps - step, "float32") / self.decay_steps
        left = ops.clip(left, 0.0, 1.0)
        match self.decay:
            case "cosine":
                left = ops.sin(math.pi / 2 * left) ** 2
            case "1-sqrt":
                # 1 - sqrt(p), which would round where it is small.
                step_of_decay = step - (self.total_steps - self.decay_steps)
                position = ops.cast(step_of_decay, "float32") / self.decay_steps
                left = left / (1 + ops.sqrt(ops.clip(position, 0.0, 1.0)))
        value = self.final_value * (1 - left) + self.max_value * left
        if self.warmup_steps:
            rise = ops.cast(step, "float32") / self.warmup_steps
            value = value * ops.minimum(rise, 1.0)
        return value

    def get_config(self) -> dict[str, Any]:
        return {
            "max_value": self.max_value,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "decay_steps": self.decay_steps,
            "decay": self.decay,
            "final_value": self.final_value,
        }
