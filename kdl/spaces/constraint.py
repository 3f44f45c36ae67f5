"""Search space of weight constraints."""

from collections.abc import Sequence
from typing import Any

import keras

from kdl.spaces.family import Range, described, meanings, pick
from kdl.typing import HyperParameters

_PARTS = ["none", "max_norm", "min_max_norm", "unit_norm", "non_negative"]
_NUMBERS = [
    Range(
        "max_value",
        "largest norm of a unit's weights",
        "max_norm min_max_norm",
        "(0, inf)",
        (0.5, 8.0, 3.0),
        "log",
    ),
    Range(
        "rate",
        "share of the way back to an allowed norm, each step",
        "min_max_norm",
        "[0, 1]",
        (0.0, 1.0, 1.0),
    ),
]


@described(
    meanings("constraint", "what the weights are held to after each step", _NUMBERS)
)
def constraint(
    hp: HyperParameters,
    scope: str | None = None,
    choices: Sequence[str] = ("none", "max_norm"),
    axis: int | Sequence[int] = 0,
    **ranges: Any,
) -> keras.constraints.Constraint | None:
    """Declares a search space of constraints on weights, and returns the one chosen.

    | choice | what it returns | its numbers |
    |---|---|---|
    | `"none"` | `None` | |
    | `"max_norm"` | Keras's `MaxNorm` | `max_value` |
    | `"min_max_norm"` | Keras's `MinMaxNorm`, from 0 | `max_value`, `rate` |
    | `"unit_norm"` | Keras's `UnitNorm` | |
    | `"non_negative"` | Keras's `NonNeg` | |

    A constraint projects a weight after each update, where a penalty pulls at it.
    Max-norm of 3 to 4 is usual beside dropout.

    Args:
        hp: `keras_tuner.HyperParameters`.
        scope: Optional string. What the names begin with, such as that of a layer.
            Defaults to `None`.
        choices: Sequence of choices, of which the first is the default. A single one
            is no hyperparameter. Defaults to `("none", "max_norm")`.
        axis: Integer or list of integers. Axes of the incoming weights of a unit: `0`
            for a dense kernel, which is the default, and `[0, 1, 2]` for that of a
            two-dimensional convolution.
        **ranges: For each number either a tuple `(low, high, default)`, or a value,
            which fixes it. They default to `max_value` from 0.5 to 8 and `rate` from
            0 to 1.

    Returns:
        `keras.constraints.Constraint` or `None`.

    Raises:
        ValueError: If a choice or a range is not as described.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> constraint = kdl.spaces.constraint(hp, "dense")
    >>> layer = keras.layers.Dense(8, kernel_constraint=constraint)

    References:
        - [Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html)
    """
    choice, p = pick(hp, "constraint", scope, choices, _PARTS, _NUMBERS, ranges)
    match choice:
        case "max_norm":
            return keras.constraints.MaxNorm(p.max_value, axis)
        case "min_max_norm":
            return keras.constraints.MinMaxNorm(0.0, p.max_value, p.rate, axis)
        case "unit_norm":
            return keras.constraints.UnitNorm(axis)
        case "non_negative":
            return keras.constraints.NonNeg()
    return None
