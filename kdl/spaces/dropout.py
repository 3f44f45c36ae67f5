"""Search space of dropout layers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from kdl.checks import check_integer
from kdl.layers import Dropout
from kdl.spaces.family import Range, described, following, meanings, pick
from kdl.typing import FloatOrSchedule, HyperParameters

_PARTS = ["none", "dropout", "gaussian", "alpha", "spatial"]
_NUMBERS = [
    Range(
        "rate",
        "probability that one is dropped, or noise as strong",
        "dropout gaussian alpha spatial",
        "[0, 1)",
        (0.0, 0.7, 0.3),
    ),
]
_SPATIAL = {
    1: keras.layers.SpatialDropout1D,
    2: keras.layers.SpatialDropout2D,
    3: keras.layers.SpatialDropout3D,
}


@described(meanings("dropout", "what is dropped at random in training", _NUMBERS))
def dropout(
    hp: HyperParameters,
    scope: str | None = None,
    choices: Sequence[str] = ("dropout",),
    schedule: Callable[[float], FloatOrSchedule] | None = None,
    spatial_axes: int = 2,
    seed: int | None = None,
    **ranges: Any,
) -> keras.Layer:
    """Declares a search space of dropout layers, and returns the one chosen.

    | choice | what it returns | its numbers |
    |---|---|---|
    | `"none"` | Keras's `Identity` | |
    | `"dropout"` | `kdl.layers.Dropout` | `rate` |
    | `"gaussian"` | Keras's `GaussianDropout` | `rate` |
    | `"alpha"` | Keras's `AlphaDropout`, for `selu` | `rate` |
    | `"spatial"` | Keras's `SpatialDropout`, of whole channels | `rate` |

    Each call returns a new layer. Calls of one scope share its numbers.

    Args:
        hp: `keras_tuner.HyperParameters`.
        scope: Optional string. What the names begin with, such as that of a layer.
            Defaults to `None`.
        choices: Sequence of choices, of which the first is the default. A single one
            is no hyperparameter. Defaults to `("dropout",)`.
        schedule: Optional function of the rate that returns what takes its place,
            such as `lambda rate: kdl.schedules.Warmup(rate, 1000)`. Only for
            `"dropout"`: Keras's layers take no schedule.
        spatial_axes: Integer in `[1, 3]`. Number of spatial axes, which decides on
            the layer for `"spatial"`. Defaults to `2`.
        seed: Optional integer. Seed of the layer.
        **ranges: `rate` either as a tuple `(low, high, default)`, or as a value,
            which fixes it. It defaults to a range from 0 to 0.7.

    Returns:
        `keras.layers.Layer`.

    Raises:
        ValueError: If a choice or a range is not as described, or if `schedule` meets
            a choice that takes none.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> layer = kdl.spaces.dropout(hp, choices=["dropout", "gaussian"])
    """
    check_integer("spatial_axes", spatial_axes, "[1, 3]")
    choice, p = pick(hp, "dropout", scope, choices, _PARTS, _NUMBERS, ranges)
    if schedule is not None and not set(choices) <= {"none", "dropout"}:
        raise ValueError(
            "`schedule` must be None unless `choices` are among 'none', 'dropout', "
            f"since Keras's layers take no schedule. Received: choices={choices!r}"
        )
    match choice:
        case "dropout":
            return Dropout(following(schedule, p.rate), seed=seed)
        case "gaussian":
            return keras.layers.GaussianDropout(p.rate, seed=seed)
        case "alpha":
            return keras.layers.AlphaDropout(p.rate, seed=seed)
        case "spatial":
            return _SPATIAL[spatial_axes](p.rate, seed=seed)
    return keras.layers.Identity()
