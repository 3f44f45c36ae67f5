"""Search space of weight regularizers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kdl.regularizers import ElasticNet, GroupLasso, MaxNorm
from kdl.spaces.family import Range, described, following, meanings, pick
from kdl.typing import FloatOrSchedule, HyperParameters

_PARTS = ["none", "l1", "l2", "elastic_net", "max_norm", "group_lasso"]
_NUMBERS = [
    Range(
        "alpha",
        "strength of L1, of L2 or of both together",
        "l1 l2 elastic_net",
        "[0, inf)",
        (1e-6, 1e-1, 1e-4),
        "log",
        True,
    ),
    Range(
        "l1_ratio",
        "share of L1 in the elastic net, the rest being L2",
        "elastic_net",
        "[0, 1]",
        (0.0, 1.0, 0.5),
        "linear",
        True,
    ),
    Range(
        "max_value",
        "norm of a unit's weights from which max-norm counts",
        "max_norm",
        "(0, inf)",
        (0.5, 8.0, 3.0),
        "log",
        True,
    ),
    Range(
        "strength",
        "strength of max-norm",
        "max_norm",
        "[0, inf)",
        (1e-4, 1.0, 1e-2),
        "log",
        True,
    ),
    Range(
        "strength",
        "strength of group lasso",
        "group_lasso",
        "[0, inf)",
        (1e-6, 1e-1, 1e-4),
        "log",
        True,
        within="group_lasso",
    ),
]


@described(meanings("regularizer", "penalty on the weights", _NUMBERS))
def regularizer(
    hp: HyperParameters,
    scope: str | None = None,
    choices: Sequence[str] = ("l2", "elastic_net", "none"),
    schedule: Callable[[float], FloatOrSchedule] | None = None,
    **ranges: Any,
) -> keras.regularizers.Regularizer | None:
    """Declares a search space of penalties on weights, and returns the one chosen.

    | choice | what it returns | its numbers |
    |---|---|---|
    | `"none"` | `None` | |
    | `"l1"` | `ElasticNet(alpha, 1.0)`, as Keras's `L1(alpha)` | `alpha` |
    | `"l2"` | `ElasticNet(alpha, 0.0)`, as Keras's `L2(alpha / 2)` | `alpha` |
    | `"elastic_net"` | `ElasticNet` | `alpha`, `l1_ratio` |
    | `"max_norm"` | `MaxNorm` | `max_value`, `strength` |
    | `"group_lasso"` | `GroupLasso` | `strength` |

    Search a metric, such as `val_accuracy`, rather than `val_loss`, which counts the
    penalty: a search would turn it off. Weight decay, which under Adam is not the
    same as L2, is in `kdl.spaces.optimizer`.

    Args:
        hp: `keras_tuner.HyperParameters`.
        scope: Optional string. What the names begin with, such as that of a layer:
            `"dense"` makes them `"dense/regularizer"`, `"dense/regularizer/alpha"`
            and so on. Defaults to `None`.
        choices: Sequence of choices, of which the first is the default. A single one
            is no hyperparameter. Defaults to `("l2", "elastic_net", "none")`.
        schedule: Optional function of `alpha` or `strength` that returns what takes
            its place, such as `lambda alpha: kdl.schedules.Warmup(alpha, 1000)`.
        **ranges: For each number either a tuple `(low, high, default)`, or a value or
            a schedule, which fixes it. They default to `alpha` from `1e-6` to `0.1`,
            `l1_ratio` from 0 to 1, `max_value` from 0.5 to 8 and `strength` from `1e-4`
            to 1 (max-norm) or from `1e-6` to `0.1` (group lasso).

    Returns:
        `keras.regularizers.Regularizer` or `None`.

    Raises:
        ValueError: If a choice or a range is not as described.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> penalty = kdl.spaces.regularizer(hp, "dense", ["elastic_net"], l1_ratio=0.5)
    >>> layer = keras.layers.Dense(8, kernel_regularizer=penalty)
    """
    choice, p = pick(hp, "regularizer", scope, choices, _PARTS, _NUMBERS, ranges)
    match choice:
        case "l1":
            return ElasticNet(following(schedule, p.alpha), 1.0)
        case "l2":
            return ElasticNet(following(schedule, p.alpha), 0.0)
        case "elastic_net":
            return ElasticNet(following(schedule, p.alpha), p.l1_ratio)
        case "max_norm":
            return MaxNorm(p.max_value, following(schedule, p.strength))
        case "group_lasso":
            return GroupLasso(following(schedule, p.strength))
    return None
