"""Search space of optimizers."""

from collections.abc import Sequence
from typing import Any

import keras

from kdl.spaces.family import Options, Range, described, meanings, pick
from kdl.typing import HyperParameters

_ADAPTIVE = "rmsprop adagrad adam adamw nadam adamax lamb"
_PARTS = ["sgd", *_ADAPTIVE.split(), "adadelta", "lion"]


def _learning_rate(whose, parts, *ends, within=""):
    options = {"sampling": "log", "takes_schedules": True, "within": within}
    meaning = f"learning rate of {whose}"
    return Range("learning_rate", meaning, parts, "[0, inf)", ends, **options)


_NUMBERS = [
    _learning_rate("Adam and the like", _ADAPTIVE, 1e-4, 1e-1, 1e-3),
    _learning_rate("SGD", "sgd", 1e-3, 1.0, 1e-2, within="sgd"),
    _learning_rate("Adadelta", "adadelta", 1e-2, 1.0, 1.0, within="adadelta"),
    _learning_rate("Lion", "lion", 1e-5, 1e-2, 1e-4, within="lion"),
    Range(
        "momentum",
        "share of a step that is added to the next",
        "sgd",
        "[0, 1]",
        (0.0, 0.99, 0.9),
    ),
    Options(
        "nesterov",
        "whether the gradient is taken where the momentum leads",
        "sgd",
        [True, False],
    ),
    Range(
        "weight_decay",
        "share of the weights that is lost a step, times the learning rate",
        "adamw lamb",
        "[0, inf)",
        (1e-5, 0.3, 4e-3),
        "log",
    ),
    Range(
        "weight_decay",
        "share of the weights that Lion takes a step, times the learning rate",
        "lion",
        "[0, inf)",
        # Its steps are smaller, and so the decay has to be larger.
        (1e-4, 3.0, 4e-2),
        "log",
        within="lion",
    ),
]
_CLASSES = {
    "sgd": keras.optimizers.SGD,
    "rmsprop": keras.optimizers.RMSprop,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam,
    "adamax": keras.optimizers.Adamax,
    "lamb": keras.optimizers.Lamb,
    "lion": keras.optimizers.Lion,
}
_CLIPPING = ["none", "global_clipnorm", "clipnorm", "clipvalue"]
_THRESHOLDS = [
    Range(
        "threshold",
        "largest norm, of all gradients or of one variable's",
        "global_clipnorm clipnorm",
        "(0, inf)",
        (0.1, 10.0, 1.0),
        "log",
    ),
    Range(
        "threshold",
        "largest absolute value in a gradient",
        "clipvalue",
        "(0, inf)",
        (0.01, 1.0, 0.5),
        "log",
        within="clipvalue",
    ),
]


@described(
    meanings("optimizer", "rule by which gradients change the weights", _NUMBERS)
    | meanings("optimizer/clipping", "what of the gradients is limited", _THRESHOLDS)
)
def optimizer(
    hp: HyperParameters,
    scope: str | None = None,
    choices: Sequence[str] = ("adamw", "adam", "sgd"),
    clipping: Sequence[str] = ("none",),
    threshold: float | tuple[float, float, float] | None = None,
    **ranges: Any,
) -> keras.optimizers.Optimizer:
    """Declares a search space of optimizers, and returns the one chosen.

    | choice | what it returns | its numbers |
    |---|---|---|
    | `"sgd"` | `SGD` | `learning_rate`, `momentum`, `nesterov` |
    | `"rmsprop"`, `"adagrad"`, `"adadelta"` | Keras's of that name | `learning_rate` |
    | `"adam"`, `"nadam"`, `"adamax"` | Keras's of that name | `learning_rate` |
    | `"adamw"`, `"lion"`, `"lamb"` | Keras's of that name | and `weight_decay` |

    SGD, Adadelta and Lion have ranges of their own for the learning rate, of names of
    their own, such as `"optimizer/sgd/learning_rate"`. Weight decay is decoupled:
    `learning_rate * weight_decay * weight` is subtracted, whatever the gradient,
    which with adaptive rates is not what an L2 penalty does.

    Args:
        hp: `keras_tuner.HyperParameters`.
        scope: Optional string. What the names begin with. Defaults to `None`.
        choices: Sequence of choices, of which the first is the default. A single one
            is no hyperparameter. Defaults to `("adamw", "adam", "sgd")`.
        clipping: Sequence of ways to clip gradients, among `"none"`,
            `"global_clipnorm"`, `"clipnorm"` and `"clipvalue"`, Keras's names. A
            single one is no hyperparameter. Defaults to `("none",)`.
        threshold: What gradients are clipped to: a tuple `(low, high, default)`, or
            a value, which fixes it. Defaults to ranges from 0.1 to 10 for a norm and
            from 0.01 to 1 for a value.
        **ranges: For each number either a tuple `(low, high, default)`, or a value,
            which fixes it: a learning rate may be fixed to a schedule. They default
            to `learning_rate` from `1e-4` to `0.1` (SGD `1e-3` to 1, Lion `1e-5` to
            `1e-2`, Adadelta `1e-2` to 1), `momentum` from 0 to 0.99, `weight_decay`
            from `1e-5` to 0.3 (Lion `1e-4` to 3), and `nesterov` to
            `[True, False]`, a list whose first value is the default.

    Returns:
        `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If a choice or a range is not as described.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> optimizer = kdl.spaces.optimizer(hp, clipping=["none", "global_clipnorm"])
    >>> model.compile(optimizer, "mse")

    References:
        - [Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101), decoupled
          weight decay
        - [Pascanu et al., 2013](https://arxiv.org/abs/1211.5063), clipping
    """
    choice, p = pick(hp, "optimizer", scope, choices, _PARTS, _NUMBERS, ranges)
    scope = f"{scope}/optimizer" if scope else "optimizer"
    clip, q = pick(
        *(hp, "clipping", scope, clipping, _CLIPPING, _THRESHOLDS),
        given={"threshold": threshold},
        argument="clipping",
    )
    options = vars(p)
    if "nesterov" in options:
        # Without momentum there is nothing to look ahead along.
        options["nesterov"] = options["nesterov"] and p.momentum != 0
    if clip != "none":
        options[clip] = q.threshold
    return _CLASSES[choice](**options)
