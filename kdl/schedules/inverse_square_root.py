"""Inverse square root, or Noam."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_number
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly, then falls as one over the square root of the step.

    With `n = step + 1`, since the paper counts updates from 1, the value is

        max_value * min(n / warmup_steps, sqrt(warmup_steps / n))

    The training of the first Transformers, known as Noam; it needs no length to be
    fixed beforehand. Keras has no such decay: `InverseTimeDecay` falls faster.

    The paper writes `d_model**-0.5 * min(n**-0.5, n * warmup_steps**-1.5)`, which is
    this with `max_value = (d_model * warmup_steps)**-0.5`. The peak is a number to
    tune like any other, so it is given itself.

    Args:
        max_value: Float in `(0, inf)`. The peak.
        warmup_steps: Integer in `[1, inf)`. Training steps of the rise: the peak is
            the value of the last of them. The paper has `4000`.

    Call arguments:
        step: Integer in `[0, 2**31)`, as a Python number, an array or a tensor. An
            array of steps gives an array of values.

    Returns:
        Float32 tensor of the shape of `step`, a scalar for one step.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> peak = (512 * 4000) ** -0.5
    >>> schedule = kdl.schedules.InverseSquareRoot(peak, warmup_steps=4000)
    >>> optimizer = keras.optimizers.Adam(schedule, beta_2=0.98, epsilon=1e-9)

    References:
        - [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
    """

    def __init__(self, max_value: float, warmup_steps: int) -> None:
        super().__init__()
        self.max_value = check_number("max_value", max_value, "(0, inf)")
        self.warmup_steps = check_integer("warmup_steps", warmup_steps, "[1, inf)")

    def __call__(self, step: Tensor) -> Tensor:
        position = (ops.cast(step, "float32") + 1) / self.warmup_steps
        return self.max_value * ops.minimum(position, ops.rsqrt(position))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "warmup_steps": self.warmup_steps}
