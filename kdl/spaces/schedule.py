"""Search space of learning rate schedules."""

from collections.abc import Sequence
from typing import Any

from keras.optimizers import schedules

from kdl.checks import check_integer
from kdl.schedules import InverseSquareRoot, OneCycle, Warmup, WarmupStableDecay
from kdl.spaces.family import Options, Range, described, meanings, pick
from kdl.typing import FloatOrSchedule, HyperParameters

_PARTS = [
    "constant",
    "step",
    "exponential",
    "linear",
    "cosine",
    "one_cycle",
    "warmup_stable_decay",
    "inverse_square_root",
]
_WARMED = ["linear", "cosine", "warmup_stable_decay", "inverse_square_root"]
_NUMBERS = [
    Range(
        "learning_rate",
        "highest learning rate",
        " ".join(_PARTS),
        "(0, inf)",
        (1e-4, 1e-1, 1e-3),
        "log",
    ),
    Range(
        "warmup",
        "share of the steps over which the rate grows",
        " ".join(_WARMED),
        "[0, 0.5]",
        (0.0, 0.3, 0.05),
    ),
    Options("drops", "number of times that the rate is reduced", "step", [3, 2, 4]),
    Range(
        "final_factor",
        "share of the rate that is left in the end",
        "step exponential",
        "(0, 1)",
        (1e-4, 0.5, 1e-2),
        "log",
    ),
    Range(
        "pct_start",
        "share of the steps over which the rate grows",
        "one_cycle",
        "(0, 1)",
        (0.1, 0.5, 0.3),
    ),
    Range(
        "decay",
        "share of the steps, the last, over which the rate falls",
        "warmup_stable_decay",
        # With a warm-up of a half at most, no more than is left.
        "(0, 0.5]",
        (0.1, 0.5, 0.2),
    ),
]


@described(meanings("schedule", "course of the learning rate in training", _NUMBERS))
def schedule(
    hp: HyperParameters,
    steps: int,
    scope: str | None = None,
    choices: Sequence[str] = ("one_cycle", "cosine", "constant"),
    **ranges: Any,
) -> FloatOrSchedule:
    """Declares a search space of learning rates, and returns the one chosen.

    All begin, or after a warm-up arrive, at `learning_rate`, and have done what they
    do after `steps`.

    | choice | what it returns | its numbers |
    |---|---|---|
    | `"constant"` | a float | `learning_rate` |
    | `"step"` | Keras's `PiecewiseConstantDecay` | and `drops`, `final_factor` |
    | `"exponential"` | Keras's `ExponentialDecay` | and `final_factor` |
    | `"linear"` | Keras's `PolynomialDecay` to 0 | and `warmup` |
    | `"cosine"` | Keras's `CosineDecay` to 0 | and `warmup` |
    | `"one_cycle"` | `OneCycle` | and `pct_start` |
    | `"warmup_stable_decay"` | `WarmupStableDecay` | and `warmup`, `decay` |
    | `"inverse_square_root"` | `InverseSquareRoot` | and `warmup` |

    A recipe whose `space` is called before the length of the training is known gives
    any number of steps there, and the true one when it fits.

    Args:
        hp: `keras_tuner.HyperParameters`.
        steps: Integer in `[8, inf)`. Number of training batches.
        scope: Optional string. What the names begin with. Defaults to `None`.
        choices: Sequence of choices, of which the first is the default. A single one
            is no hyperparameter. Defaults to `("one_cycle", "cosine", "constant")`.
        **ranges: For each number either a tuple `(low, high, default)`, or a value,
            which fixes it. They default to `learning_rate` from `1e-4` to `0.1`,
            `warmup` from 0 to 0.3 and `decay` from 0.1 to 0.5 of the steps, of which
            each may be a half at most, `pct_start` from 0.1 to 0.5, and
            `final_factor`, what is left of the learning rate in the end, from `1e-4`
            to 0.5. `drops`, the number of times that the rate is reduced, is a list of
            values, the first the default, or a value. It defaults to `[3, 2, 4]`.

    Returns:
        Float or `keras.optimizers.schedules.LearningRateSchedule`.

    Raises:
        ValueError: If `steps`, a choice or a range is not as described.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> rate = kdl.spaces.schedule(hp, 1000, learning_rate=(1e-3, 1e-2, 3e-3))
    >>> optimizer = kdl.spaces.optimizer(hp, learning_rate=rate)
    """
    steps = check_integer("steps", steps, "[8, inf)")
    choice, p = pick(hp, "schedule", scope, choices, _PARTS, _NUMBERS, ranges)
    rate = p.learning_rate
    match choice:
        case "step":
            return _steps(rate, steps, p.drops, p.final_factor)
        case "exponential":
            return schedules.ExponentialDecay(rate, steps, p.final_factor)
        case "linear":
            return _warmed(
                lambda rest: schedules.PolynomialDecay(rate, rest, 0.0), steps, p
            )
        case "cosine":
            return _warmed(lambda rest: schedules.CosineDecay(rate, rest), steps, p)
        case "one_cycle":
            return OneCycle(rate, steps, p.pct_start)
        case "warmup_stable_decay":
            decay = max(1, int(p.decay * steps))
            return WarmupStableDecay(rate, steps, int(p.warmup * steps), decay)
        case "inverse_square_root":
            return InverseSquareRoot(rate, max(1, int(p.warmup * steps)))
    return rate


def _steps(rate, steps, drops, final_factor):
    """So many drops in equal parts of the steps, to a share of the rate."""
    if drops >= steps:
        raise ValueError(
            f"`drops` must be less than the number of steps, {steps}. "
            f"Received: {drops=}"
        )
    # The last steps before the drops.
    boundaries = [steps * drop // (drops + 1) - 1 for drop in range(1, drops + 1)]
    values = [rate * final_factor ** (drop / drops) for drop in range(drops + 1)]
    return schedules.PiecewiseConstantDecay(boundaries, values)


def _warmed(decay, steps, p):
    warmup = int(p.warmup * steps)
    return Warmup(decay(steps - warmup), warmup) if warmup else decay(steps)
