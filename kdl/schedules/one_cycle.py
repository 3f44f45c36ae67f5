"""One-cycle."""

import itertools
import math
from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_boolean, check_choice, check_integer, check_number
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """Rises to `max_value` once, then falls far below where it began.

    The value goes from `max_value / div_factor` up to `max_value` during the first
    `pct_start` of the steps, and during the others down to the minimum,
    `max_value / div_factor / final_div_factor`, where it stays from step
    `total_steps - 1` on. With `three_phase` it first falls back to where it began,
    as fast as it rose, and to the minimum in the steps that remain. Between two of
    these values `a` and `b`, `p` of the way, it is

        a * sin(pi * (1 - p) / 2)**2 + b * sin(pi * p / 2)**2     with anneal="cos"
        a * (1 - p) + b * p                                       with anneal="linear"

    which are exact at both ends, also where the minimum is tiny beside the peak.

    Large rates in the middle of training act as a regularizer and allow for short
    trainings; the long tail lets the weights settle. Keras has the pieces, but
    its `CosineDecay` warms up linearly and knows no third phase.

    The defaults, the phases and the step on which each one ends are those of
    PyTorch's `OneCycleLR`, which however refuses steps beyond the last. The rise ends
    on step `pct_start * total_steps - 1`; of a cycle so short that this is 0 or less,
    the value begins to fall at once.

    Args:
        max_value: Float in `(0, inf)`. The peak, such as a learning rate found
            by a range test.
        total_steps: Integer in `[2, inf)`. Length of the cycle in training steps,
            that is epochs times batches per epoch.
        pct_start: Float in `(0, 1)`. Share of the cycle that is spent rising, at
            most `0.5` with `three_phase`. Defaults to `0.3`.
        anneal: `"cos"` or `"linear"`. Shape of each phase. Defaults to `"cos"`.
        div_factor: Float in `[1, inf)`. The peak over the first value. Defaults to
            `25.0`.
        final_div_factor: Float in `[1, inf)`. The first value over the last.
            Defaults to `10000.0`.
        three_phase: Boolean. Whether to come back to the first value by a phase
            of its own. Defaults to `False`.

    Call arguments:
        step: Integer in `[0, inf)`, as a Python number, an array or a tensor. An
            array of steps gives an array of values.

    Returns:
        Float32 tensor of the shape of `step`, a scalar for one step.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> schedule = kdl.schedules.OneCycle(0.01, total_steps=20 * 45)
    >>> optimizer = keras.optimizers.AdamW(schedule)

    References:
        - [Smith and Topin, 2017](https://arxiv.org/abs/1708.07120)
    """

    def __init__(
        self,
        max_value: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal: Literal["cos", "linear"] = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        super().__init__()
        self.max_value = check_number("max_value", max_value, "(0, inf)")
        self.total_steps = check_integer("total_steps", total_steps, "[2, inf)")
        self.three_phase = check_boolean("three_phase", three_phase)
        interval = "(0, 0.5]" if three_phase else "(0, 1)"
        self.pct_start = check_number("pct_start", pct_start, interval)
        self.anneal = check_choice("anneal", anneal, ("cos", "linear"))
        self.div_factor = check_number("div_factor", div_factor, "[1, inf)")
        self.final_div_factor = check_number(
            "final_div_factor", final_div_factor, "[1, inf)"
        )

    def __call__(self, step: Tensor) -> Tensor:
        step = ops.minimum(ops.cast(step, "float32"), self.total_steps - 1.0)
        first, *others = self._phases()
        result = self._between(step, *first)
        for start, *phase in others:
            # A choice, not a sum of differences, whose rounding would leave the last
            # value inexact.
            later = self._between(step, start, *phase)
            result = ops.where(step > start, later, result)
        return result

    def _phases(self):
        """Step and value at the begin of each phase, and at its end."""
        rise = self.pct_start * self.total_steps - 1
        first = self.max_value / self.div_factor
        last = first / self.final_div_factor
        ends = [(0, first), (rise, self.max_value)]
        if self.three_phase:
            ends.append((2 * rise, first))
        ends.append((self.total_steps - 1, last))
        phases = [(*begin, *end) for begin, end in itertools.pairwise(ends)]
        # What ends before the first step of a short cycle is left out.
        return [phase for phase in phases if phase[2] > 0]

    def _between(self, step, start, value, end, target):
        # Each counted from its own end, where it is small and has to be exact.
        left, done = (end - step) / (end - start), (step - start) / (end - start)
        if self.anneal == "cos":
            left, done = (ops.sin(math.pi / 2 * part) ** 2 for part in (left, done))
        return value * left + target * done

    def get_config(self) -> dict[str, Any]:
        return {
            "max_value": self.max_value,
            "total_steps": self.total_steps,
            "pct_start": self.pct_start,
            "anneal": self.anneal,
            "div_factor": self.div_factor,
            "final_div_factor": self.final_div_factor,
            "three_phase": self.three_phase,
        }
