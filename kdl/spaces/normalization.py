"""Search space of normalization layers."""

from collections.abc import Sequence
from typing import Any

import keras

from kdl.spaces.family import Options, Range, described, meanings, pick
from kdl.typing import HyperParameters

_PARTS = ["none", "batch", "layer", "group", "instance", "rms"]
_NUMBERS = [
    Range(
        "momentum",
        "share of the past in the moving mean and variance, each step",
        "batch",
        "[0, 1)",
        (0.8, 0.999, 0.99),
    ),
    Options("groups", "groups of channels", "group", [8, 4, 16, 32]),
]


@described(meanings("normalization", "how activations are normalized", _NUMBERS))
def normalization(
    hp: HyperParameters,
    scope: str | None = None,
    choices: Sequence[str] = ("batch", "layer", "none"),
    **ranges: Any,
) -> keras.Layer:
    """Declares a search space of normalization layers, and returns the one chosen.

    | choice | what it returns | its numbers |
    |---|---|---|
    | `"none"` | Keras's `Identity` | |
    | `"batch"` | `BatchNormalization` | `momentum` |
    | `"layer"` | `LayerNormalization` | |
    | `"group"` | `GroupNormalization` | `groups` |
    | `"instance"` | `GroupNormalization(groups=-1)` | |
    | `"rms"` | `RMSNormalization` | |

    All are Keras's, over channels that come last. Each call returns a new layer.
    Calls of one scope share its numbers. (`BatchNormalization(synchronized=True)` is
    for TensorFlow alone, and so no choice here.)

    Args:
        hp: `keras_tuner.HyperParameters`.
        scope: Optional string. What the names begin with, such as that of a block.
            Defaults to `None`.
        choices: Sequence of choices, of which the first is the default. A single one
            is no hyperparameter. Defaults to `("batch", "layer", "none")`.
        **ranges: `momentum` either as a tuple `(low, high, default)`, or as a value,
            which fixes it, and `groups` as a list of values, the first the default,
            or as a value. They default to `momentum` from 0.8 to 0.999, of which the
            lower suit short trainings, and `groups` of 8, 4, 16 or 32, which must
            divide the channels.

    Returns:
        `keras.layers.Layer`.

    Raises:
        ValueError: If a choice or a range is not as described.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> layer = kdl.spaces.normalization(hp, choices=["batch", "group"], groups=4)

    References:
        - [Ioffe and Szegedy, 2015](https://arxiv.org/abs/1502.03167), batch
        - [Ba, Kiros and Hinton, 2016](https://arxiv.org/abs/1607.06450), layer
        - [Ulyanov et al., 2016](https://arxiv.org/abs/1607.08022), instance
        - [Wu and He, 2018](https://arxiv.org/abs/1803.08494), group
        - [Zhang and Sennrich, 2019](https://arxiv.org/abs/1910.07467), RMS
    """
    choice, p = pick(hp, "normalization", scope, choices, _PARTS, _NUMBERS, ranges)
    layers = keras.layers
    match choice:
        case "batch":
            return layers.BatchNormalization(momentum=p.momentum)
        case "layer":
            return layers.LayerNormalization()
        case "group":
            return layers.GroupNormalization(p.groups)
        case "instance":
            return layers.GroupNormalization(-1)
        case "rms":
            return layers.RMSNormalization()
    return layers.Identity()
