"""Inverse sigmoid decay."""

import math
from typing import Any

import keras
from keras import ops

from kdl.checks import check_number
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class InverseSigmoidDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Stays near its first value, then falls along a sigmoid to zero.

    The value is

        max_value * k / (k + exp(step / k))
        = max_value * sigmoid(log(k) - step / k)

    which is half of `max_value` on step `k * log(k)`, and falls from nine tenths of
    it to one tenth within `4.4 * k` steps around.

    The probability with which scheduled sampling shows a network the true previous
    token rather than its own. The linear and the exponential decay of the same paper
    are Keras's `PolynomialDecay(power=1)` and `ExponentialDecay`; this one it lacks.

    Computed as a sigmoid, it overflows on no step.

    Args:
        k: Float in `[1, inf)`. The larger, the later and the slower the fall. For
            half on step `n`, about `n / log(n / log(n))`.
        max_value: Float in `(0, inf)`. What the value falls from: on step 0 it is
            `max_value * k / (k + 1)`. Defaults to `1.0`, as for a probability.

    Call arguments:
        step: Integer in `[0, 2**31)`, as a Python number, an array or a tensor. An
            array of steps gives an array of values.

    Returns:
        Float32 tensor of the shape of `step`, a scalar for one step.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> schedule = kdl.schedules.InverseSigmoidDecay(k=100)
    >>> probability = schedule(step=460)

    References:
        - [Bengio et al., 2015](https://arxiv.org/abs/1506.03099), section 2.4
    """

    def __init__(self, k: float, max_value: float = 1.0) -> None:
        super().__init__()
        self.k = check_number("k", k, "[1, inf)")
        self.max_value = check_number("max_value", max_value, "(0, inf)")

    def __call__(self, step: Tensor) -> Tensor:
        logit = math.log(self.k) - ops.cast(step, "float32") / self.k
        return self.max_value * ops.sigmoid(logit)

    def get_config(self) -> dict[str, Any]:
        return {"k": self.k, "max_value": self.max_value}
