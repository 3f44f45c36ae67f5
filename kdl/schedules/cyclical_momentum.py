"""The momentum of cyclical learning rates."""

from collections.abc import Callable
from typing import Any, Literal

import keras

from kdl.checks import check_number
from kdl.schedules.cyclical_learning_rate import CyclicalLearningRate
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class CyclicalMomentum(keras.optimizers.schedules.LearningRateSchedule):
    """Falls and rises between two values, against a `CyclicalLearningRate`.

    The value is

        max_momentum * (1 - height(step)) + base_momentum * height(step)

    where `height` is that of a `CyclicalLearningRate` of the same arguments, from 0 to
    its peak and back to 0.

    While the rate is large, a smaller momentum keeps the steps short. Keras has no
    schedule of momentum: a `kdl.optimizers.ControlledOptimizer` takes it for that of
    SGD and RMSprop, and for `beta_1` of Adam and AdamW.

    The values are those of PyTorch's `CyclicLR(cycle_momentum=True)`.

    Args:
        step_size_up: Integer in `[1, inf)`. Training steps of the fall, in which the
            rate rises.
        step_size_down: Integer in `[1, inf)` or `None`. Training steps of the rise.
            Defaults to `None`, as many as the fall has.
        base_momentum: Float in `[0, max_momentum)`. The least value, when the rate is
            at the peak of a first cycle. Defaults to `0.8`.
        max_momentum: Float in `(0, 1)`. The value when the rate is least. Defaults to
            `0.9`.
        mode: `"triangular"`, `"triangular2"` or `"exp_range"`, that of the rate.
            Defaults to `"triangular"`.
        gamma: Float in `(0, 1]`. Decay per step of `"exp_range"`. Defaults to `1.0`.
        scale_fn: Optional function, that of the rate. Defaults to `None`.
        scale_mode: `"cycle"` or `"iterations"`, that of the rate. Defaults to
            `"cycle"`.

    Call arguments:
        step: Integer in `[0, 2**31)`, as a Python number, an array or a tensor. An
            array of steps gives an array of values.

    Returns:
        Float32 tensor of the shape of `step`, a scalar for one step.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> rate = kdl.schedules.CyclicalLearningRate(0.001, 0.006, step_size_up=2000)
    >>> momentum = kdl.schedules.CyclicalMomentum(step_size_up=2000)
    >>> optimizer = kdl.optimizers.ControlledOptimizer(
    ...     keras.optimizers.SGD(rate, momentum=0.9),
    ...     hyperparameters={"momentum": momentum},
    ... )

    References:
        - [Smith, 2017](https://arxiv.org/abs/1506.01186)
        - [Smith, 2018](https://arxiv.org/abs/1803.09820), of the momentum
    """

    def __init__(
        self,
        step_size_up: int,
        step_size_down: int | None = None,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[Tensor], Tensor] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
    ) -> None:
        super().__init__()
        self._height = height = CyclicalLearningRate(
            0.0, 1.0, step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode
        )
        self.step_size_up = height.step_size_up
        self.step_size_down = height.step_size_down
        self.max_momentum = check_number("max_momentum", max_momentum, "(0, 1)")
        self.base_momentum = check_number(
            "base_momentum", base_momentum, f"[0, {self.max_momentum})"
        )
        self.mode, self.gamma = height.mode, height.gamma
        self.scale_fn, self.scale_mode = height.scale_fn, height.scale_mode

    def __call__(self, step: Tensor) -> Tensor:
        height = self._height(step)
        return self.max_momentum * (1 - height) + self.base_momentum * height

    def get_config(self) -> dict[str, Any]:
        return {
            "step_size_up": self.step_size_up,
            "step_size_down": self.step_size_down,
            "base_momentum": self.base_momentum,
            "max_momentum": self.max_momentum,
            "mode": self.mode,
            "gamma": self.gamma,
            "scale_fn": keras.saving.serialize_keras_object(self.scale_fn),
            "scale_mode": self.scale_mode,
        }
