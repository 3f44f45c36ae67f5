"""Train a recipe without a tuner."""

from typing import Any

import keras

from kdl.recipes.training.hyperparameters import hyperparameters
from kdl.typing import HyperModel, Values


def run(
    recipe: HyperModel, *args: Any, hp: Values | None = None, **kwargs: Any
) -> tuple[keras.Model, keras.callbacks.History]:
    """Builds a recipe and fits it once.

    Args:
        recipe: `keras_tuner.HyperModel`.
        *args: Positional arguments of `recipe.fit`, such as `x` and `y`.
        hp: Optional `keras_tuner.HyperParameters`, for instance the best of a
            search, or a dict of values by name; the others keep their defaults.
            Defaults to the recipe's own defaults.
        **kwargs: Keyword arguments of `recipe.fit`, such as `epochs`.

    Returns:
        Tuple `(model, history)`.

    Raises:
        ValueError: If `hp` is a dict that names a hyperparameter which the recipe does
            not have, or a value outside its range.

    Example:

    >>> recipe = kdl.recipes.Images()
    >>> model, history = kdl.recipes.run(recipe, **recipe.data(), epochs=1)
    """
    if hp is None or isinstance(hp, dict):
        hp = hyperparameters(recipe, hp or {})
    model = recipe.build(hp)
    return model, recipe.fit(hp, model, *args, **kwargs)
