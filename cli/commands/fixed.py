"""Hyperparameters of a search that are fixed, so that one value alone is tried."""

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

from kdl import recipes


def fixed(recipe, values):
    """Returns the space of a recipe with some hyperparameters fixed.

    Args:
        recipe: `keras_tuner.HyperModel`.
        values: Dict of values by name.

    Returns:
        Tuple of `keras_tuner.HyperParameters`, for a tuner to begin with, and a dict of
        the values as the recipe has them, such as a float where an integer was given.

    Raises:
        ValueError: If the recipe has no hyperparameter of a name, if a value is outside
            its range, or if it has no effect beside the other values.
    """
    # Refuses unknown names.
    space = recipes.hyperparameters(recipe, {}).space
    names = {parameter.name for parameter in space}
    for name in values.keys() - names:
        recipes.hyperparameters(recipe, {name: values[name]})
    fixed, known = {}, keras_tuner.HyperParameters()
    for parameter in space:
        name, scopes = parameter.name, parameter.conditions
        others = [scope for scope in scopes if not _allows(scope, values)]
        # What is declared several times may have an effect elsewhere.
        if name in values and not (others and _applies(name, space, values)):
            # With its parents such that it has an effect, unless they are fixed.
            parents = {scope.name: scope.values[0] for scope in scopes}
            given = parents | {k: v for k, v in values.items() if k in parents}
            hp = recipes.hyperparameters(recipe, given | {name: values[name]})
            fixed[name] = hp.values[name]
            parameter = kinds.Fixed(name, fixed[name], conditions=scopes)
        known.merge([parameter])
    return known, fixed


def _allows(scope, values):
    return scope.name not in values or values[scope.name] in scope.values


def _applies(name, space, values):
    """Whether a hyperparameter has an effect beside some of the values not fixed."""
    return any(
        parameter.name == name
        and all(_allows(scope, values) for scope in parameter.conditions)
        for parameter in space
    )
