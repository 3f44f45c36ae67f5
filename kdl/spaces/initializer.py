"""Search space of initializers."""

from collections.abc import Sequence
from typing import Any

import keras

from kdl.checks import check_choice
from kdl.initializers import Kaiming, Xavier
from kdl.initializers.gain import NONLINEARITIES
from kdl.spaces.family import Range, described, meanings, pick
from kdl.typing import HyperParameters

_PARTS = [
    "kaiming_normal",
    "kaiming_uniform",
    "xavier_normal",
    "xavier_uniform",
    "lecun_normal",
    "orthogonal",
    "truncated_normal",
]
_GAINED = ["xavier_normal", "xavier_uniform", "orthogonal"]
_NUMBERS = [
    Range(
        "gain",
        "factor of the usual size of the first weights",
        " ".join(_GAINED),
        "(0, inf)",
        (0.5, 2.0, 1.0),
        "log",
    ),
    Range(
        "stddev",
        "standard deviation of the first weights",
        "truncated_normal",
        "(0, inf)",
        (1e-3, 0.3, 2e-2),
        "log",
    ),
]


@described(meanings("initializer", "how the first weights are drawn", _NUMBERS))
def initializer(
    hp: HyperParameters,
    scope: str | None = None,
    choices: Sequence[str] = ("xavier_uniform", "kaiming_normal", "orthogonal"),
    nonlinearity: str = "relu",
    seed: int | None = None,
    **ranges: Any,
) -> keras.initializers.Initializer:
    """Declares a search space of kernel initializers, and returns the one chosen.

    | choice | what it returns | its numbers |
    |---|---|---|
    | `"kaiming_normal"`, `"kaiming_uniform"` | `Kaiming` | |
    | `"xavier_normal"`, `"xavier_uniform"` | `Xavier` | `gain` |
    | `"lecun_normal"` | Keras's `LecunNormal`, for `selu` | |
    | `"orthogonal"` | Keras's `Orthogonal` | `gain` |
    | `"truncated_normal"` | Keras's `TruncatedNormal` | `stddev` |

    At a gain of 1, `"xavier_uniform"` is Keras's default, `GlorotUniform`.

    Args:
        hp: `keras_tuner.HyperParameters`.
        scope: Optional string. What the names begin with, such as that of a layer.
            Defaults to `None`.
        choices: Sequence of choices, of which the first is the default. A single one
            is no hyperparameter. Defaults to
            `("xavier_uniform", "kaiming_normal", "orthogonal")`.
        nonlinearity: String. What follows the layer, as `kdl.initializers.Kaiming`
            takes it. Defaults to `"relu"`.
        seed: Optional integer. Seed of the initializer.
        **ranges: For each number either a tuple `(low, high, default)`, or a value,
            which fixes it. They default to `gain` from 0.5 to 2 and `stddev` from
            `1e-3` to 0.3.

    Returns:
        `keras.initializers.Initializer`.

    Raises:
        ValueError: If a choice or a range is not as described.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> layer = keras.layers.Dense(8, kernel_initializer=kdl.spaces.initializer(hp))
    """
    check_choice("nonlinearity", nonlinearity, NONLINEARITIES)
    choice, p = pick(hp, "initializer", scope, choices, _PARTS, _NUMBERS, ranges)
    distribution = choice.partition("_")[2]
    match choice:
        case "kaiming_normal" | "kaiming_uniform":
            return Kaiming(nonlinearity, distribution=distribution, seed=seed)
        case "xavier_normal" | "xavier_uniform":
            return Xavier(p.gain, distribution, seed=seed)
        case "lecun_normal":
            return keras.initializers.LecunNormal(seed)
        case "orthogonal":
            return keras.initializers.Orthogonal(p.gain, seed)
    return keras.initializers.TruncatedNormal(stddev=p.stddev, seed=seed)
