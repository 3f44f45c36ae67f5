"""Cyclical learning rates."""

import math
from collections.abc import Callable
from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_integer, check_number, check_optional
from kdl.typing import Tensor

_SCALE_MODES = "cycle", "iterations"


@keras.saving.register_keras_serializable(package="kdl")
class CyclicalLearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Rises and falls between two values, again and again.

    With `cycle = step_size_up + step_size_down` steps in a cycle and
    `phase = step % cycle`, the value is

        triangle = min(phase / step_size_up, (cycle - phase) / step_size_down)
        height = triangle * scale
        base_value * (1 - height) + max_value * height

    where `scale` is

        1                        with mode="triangular"
        0.5 ** (step // cycle)   with mode="triangular2"
        gamma ** step            with mode="exp_range"
        scale_fn(x)              with a function of your own, of the number of the
                                 cycle, from 1, or of the step

    Values that rise now and then carry the weights over saddle points, and no single
    learning rate has to be tuned. The end of a cycle is a good moment for a snapshot.
    Keras has only cycles that fall, `CosineDecayRestarts`.

    The arguments are those of PyTorch's `CyclicLR`, and `scale_fn` is that of
    TensorFlow Addons as well. The cycle is counted in integers, so that it is exact
    however long the training is. `kdl.schedules.CyclicalMomentum` is its counterpart.

    Args:
        base_value: Float in `[0, inf)`. The least value, such as the learning rate at
            which a range test begins to improve.
        max_value: Float in `(base_value, inf)`. The peak of the first cycle, such as
            the learning rate at which a range test stops to improve.
        step_size_up: Integer in `[1, inf)`. Training steps of the rise. Smith
            suggests those of 2 to 10 epochs.
        step_size_down: Integer in `[1, inf)` or `None`. Training steps of the fall.
            Defaults to `None`, as many as the rise has.
        mode: `"triangular"`, `"triangular2"`, which halves the peak with each cycle,
            or `"exp_range"`, which lets it decay with each step. Defaults to
            `"triangular"`.
        gamma: Float in `(0, 1]`. Decay per step of `"exp_range"`, such as `0.9999`;
            with another mode it is refused. Defaults to `1.0`.
        scale_fn: Optional function of a float32 tensor, which returns one: what the
            height of a cycle is multiplied by, in the place of what `mode` says, such
            as `lambda x: 0.8 ** (x - 1)`. To be saved and loaded it must be registered
            by `keras.saving.register_keras_serializable`. Defaults to `None`.
        scale_mode: `"cycle"` or `"iterations"`. Whether `scale_fn` is given the number
            of the cycle, from 1, or the step. Defaults to `"cycle"`.

    Call arguments:
        step: Integer in `[0, 2**31)`, as a Python number, an array or a tensor. An
            array of steps gives an array of values.

    Returns:
        Float32 tensor of the shape of `step`, a scalar for one step.

    Raises:
        ValueError: If an argument is outside its interval, if `gamma` is given to a
            mode without it, or `scale_fn` together with a mode that scales.

    Example:

    >>> schedule = kdl.schedules.CyclicalLearningRate(0.001, 0.006, step_size_up=2000)
    >>> optimizer = keras.optimizers.SGD(schedule, momentum=0.9)

    References:
        - [Smith, 2017](https://arxiv.org/abs/1506.01186)
    """

    def __init__(
        self,
        base_value: float,
        max_value: float,
        step_size_up: int,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[Tensor], Tensor] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
    ) -> None:
        super().__init__()
        self.base_value = check_number("base_value", base_value, "[0, inf)")
        self.max_value = check_number(
            "max_value", max_value, f"({self.base_value}, inf)"
        )
        self.step_size_up = check_integer("step_size_up", step_size_up, "[1, inf)")
        self.step_size_down = check_optional(
            check_integer, "step_size_down", step_size_down, "[1, inf)"
        )
        self.mode = check_choice(
            "mode", mode, ("triangular", "triangular2", "exp_range")
        )
        self.gamma = check_number("gamma", gamma, "(0, 1]")
        if self.gamma != 1 and self.mode != "exp_range":
            raise ValueError(
                "`gamma` must be 1.0 unless `mode` is 'exp_range'. "
                f"Received: gamma={gamma!r}, mode={mode!r}"
            )
        if isinstance(scale_fn, dict):
            scale_fn = keras.saving.deserialize_keras_object(scale_fn)
        if scale_fn is not None and not callable(scale_fn):
            raise ValueError(
                "`scale_fn` must be a function of a tensor, or None. "
                f"Received: scale_fn={scale_fn!r}"
            )
        if scale_fn is not None and self.mode != "triangular":
            raise ValueError(
                "`scale_fn` takes the place of a `mode` that scales: leave `mode` at "
                f"'triangular'. Received: mode={mode!r}"
            )
        self.scale_fn = scale_fn
        self.scale_mode = check_choice("scale_mode", scale_mode, _SCALE_MODES)

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.cast(step, "int32")
        up = self.step_size_up
        down = self.step_size_down or up
        cycle = up + down
        # In integers: float32 counts no further than 2**24.
        phase = ops.cast(step % cycle, "float32")
        # The triangle is the lower one of its two sides.
        height = ops.minimum(phase / up, (cycle - phase) / down)
        if self.scale_fn is not None:
            at = step // cycle + 1 if self.scale_mode == "cycle" else step
            height = height * self.scale_fn(ops.cast(at, "float32"))
        elif self.mode == "triangular2":
            height = height * _power(0.5, step // cycle)
        elif self.mode == "exp_range":
            height = height * _power(self.gamma, step)
        return self.base_value * (1 - height) + self.max_value * height

    def get_config(self) -> dict[str, Any]:
        return {
            "base_value": self.base_value,
            "max_value": self.max_value,
            "step_size_up": self.step_size_up,
            "step_size_down": self.step_size_down,
            "mode": self.mode,
            "gamma": self.gamma,
            "scale_fn": keras.saving.serialize_keras_object(self.scale_fn),
            "scale_mode": self.scale_mode,
        }


def _power(base, exponent):
    # The logarithm in float64: of a gamma near 1, float32 keeps few digits. The error
    # left is harmless: z off by a share d moves exp(-z) by z * exp(-z) * d < 0.37 * d.
    return ops.exp(math.log(base) * ops.cast(exponent, "float32"))
