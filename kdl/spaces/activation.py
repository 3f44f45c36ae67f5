"""Search space of activations."""

from collections.abc import Sequence

from kdl.spaces.family import described, meanings, pick
from kdl.typing import HyperParameters

_PARTS = ["relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "tanh"]


@described(meanings("activation", "activation of a layer", []))
def activation(
    hp: HyperParameters,
    scope: str | None = None,
    choices: Sequence[str] = ("relu", "gelu", "silu", "tanh"),
) -> str:
    """Declares a choice among activations, and returns the name of the one chosen.

    The names are Keras's, for hidden layers: `"relu"`, `"leaky_relu"`, `"elu"`,
    `"selu"`, `"gelu"`, `"silu"` (also called swish), `"mish"` and `"tanh"`.

    Args:
        hp: `keras_tuner.HyperParameters`.
        scope: Optional string. What the name begins with, such as that of a layer.
            Defaults to `None`.
        choices: Sequence of choices, of which the first is the default. A single one
            is no hyperparameter. Defaults to `("relu", "gelu", "silu", "tanh")`.

    Returns:
        String, for the `activation` of a layer.

    Raises:
        ValueError: If a choice is not among the names.

    Example:

    >>> import keras_tuner
    >>> hp = keras_tuner.HyperParameters()
    >>> layer = keras.layers.Dense(8, kdl.spaces.activation(hp))
    """
    choice, _ = pick(hp, "activation", scope, choices, _PARTS, [], {})
    return choice
