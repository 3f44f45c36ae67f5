"""Momentum of the one-cycle policy."""

from typing import Any, Literal

import keras

from kdl.checks import check_number
from kdl.schedules.one_cycle import OneCycle
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class OneCycleMomentum(keras.optimizers.schedules.LearningRateSchedule):
    """Falls to `base_momentum` while `OneCycle` rises, and comes back with it.

    The phases end on the same steps, and between them the value is

        max_momentum * (1 - cycle(step)) + base_momentum * cycle(step)

    where `cycle` is a `OneCycle` of the same phases that goes from 0 to 1 and back
    to 0, where it stays.

    While the rate is large, a smaller momentum keeps the steps short and lets them
    turn sooner. Keras has no schedule of momentum: a
    `kdl.optimizers.ControlledOptimizer` takes it for that of SGD and RMSprop, and for
    `beta_1` of Adam and AdamW.

    The defaults, the phases and the step on which each one ends are those of
    PyTorch's `OneCycleLR(cycle_momentum=True)`, which however refuses steps beyond
    the last.

    Args:
        total_steps: Integer in `[2, inf)`. Length of the cycle in training steps,
            that of the learning rate.
        pct_start: Float in `(0, 1)`. Share of the cycle that is spent falling, at
            most `0.5` with `three_phase`. Defaults to `0.3`.
        anneal: `"cos"` or `"linear"`. Shape of each phase. Defaults to `"cos"`.
        base_momentum: Float in `[0, max_momentum)`. The least value, when the rate
            is at its peak. Defaults to `0.85`.
        max_momentum: Float in `(0, 1)`. The first and the last value. Defaults to
            `0.95`.
        three_phase: Boolean. Whether the rate comes back to its first value by a
            phase of its own. Defaults to `False`.

    Call arguments:
        step: Integer in `[0, 2**31)`, as a Python number, an array or a tensor. An
            array of steps gives an array of values.

    Returns:
        Float32 tensor of the shape of `step`, a scalar for one step.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> schedule = kdl.schedules.OneCycleMomentum(total_steps=900)
    >>> momentum = schedule(step=270)

    References:
        - [Smith and Topin, 2017](https://arxiv.org/abs/1708.07120)
        - [Smith, 2018](https://arxiv.org/abs/1803.09820)
    """

    def __init__(
        self,
        total_steps: int,
        pct_start: float = 0.3,
        anneal: Literal["cos", "linear"] = "cos",
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        three_phase: bool = False,
    ) -> None:
        super().__init__()
        # From 1 to 2 and back to 1, since a OneCycle cannot begin at 0.
        self._cycle = OneCycle(2.0, total_steps, pct_start, anneal, 2, 1, three_phase)
        self.total_steps = self._cycle.total_steps
        self.pct_start = self._cycle.pct_start
        self.anneal = self._cycle.anneal
        self.max_momentum = check_number("max_momentum", max_momentum, "(0, 1)")
        self.base_momentum = check_number(
            "base_momentum", base_momentum, f"[0, {self.max_momentum})"
        )
        self.three_phase = self._cycle.three_phase

    def __call__(self, step: Tensor) -> Tensor:
        share = self._cycle(step) - 1
        return self.max_momentum * (1 - share) + self.base_momentum * share

    def get_config(self) -> dict[str, Any]:
        return {
            "total_steps": self.total_steps,
            "pct_start": self.pct_start,
            "anneal": self.anneal,
            "base_momentum": self.base_momentum,
            "max_momentum": self.max_momentum,
            "three_phase": self.three_phase,
        }
