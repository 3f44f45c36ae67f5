"""Values for the hyperparameters of a recipe."""

from collections.abc import Mapping
from typing import Any

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

from kdl.checks import check_boolean, check_choice, check_integer, check_number
from kdl.typing import HyperModel, HyperParameters


def hyperparameters(recipe: HyperModel, values: Mapping[str, Any]) -> HyperParameters:
    """Returns the hyperparameters of a recipe, some of them set.

    Args:
        recipe: `keras_tuner.HyperModel`. One without a method `space` is built to
            learn its space.
        values: Dict of values by name. The others have their defaults. A `step` is
            the search's: any value between the ends of the range is allowed.

    Returns:
        `keras_tuner.HyperParameters` for `recipe.build` and `recipe.fit`.

    Raises:
        ValueError: If the recipe has no hyperparameter of a name, or if a value is
            outside its range or has no effect beside the others.

    Example:

    >>> hp = kdl.recipes.hyperparameters(kdl.recipes.Images(), {"batch_size": 64})
    """
    hp = keras_tuner.HyperParameters()
    getattr(recipe, "space", recipe.build)(hp)
    names = [parameter.name for parameter in hp.space]
    for name in values:
        if name not in names:
            raise ValueError(
                f"The recipe {recipe.name!r} has no hyperparameter {name!r}. "
                f"It has: {', '.join(dict.fromkeys(names))}."
            )
    # Parents come before children, so that each is judged by its parents' values.
    space, hp = hp.space, keras_tuner.HyperParameters()
    unused = dict(values)
    for parameter in space:
        hp.merge([parameter])
        if parameter.name in values and hp.is_active(parameter):
            value = _checked(parameter, values[parameter.name])
            hp.values[parameter.name] = value
            unused.pop(parameter.name, None)
    for name in unused:
        (*_, condition) = space[names.index(name)].conditions
        raise ValueError(
            f"`{name}` has no effect unless `{condition.name}` is one of "
            f"{', '.join(map(repr, condition.values))}. "
            f"Received: {name}={values[name]!r}"
        )
    return hp


def _checked(parameter, value):
    if isinstance(parameter, kinds.Boolean):
        return check_boolean(parameter.name, value)
    if isinstance(parameter, kinds.Choice):
        return check_choice(parameter.name, value, parameter.values)
    if isinstance(parameter, kinds.Fixed):
        if value != parameter.value:
            raise ValueError(
                f"`{parameter.name}` is always {parameter.value!r} here. "
                f"Received: {parameter.name}={value!r}"
            )
        return parameter.value
    check = check_integer if isinstance(parameter, kinds.Int) else check_number
    interval = f"[{parameter.min_value}, {parameter.max_value}]"
    return check(parameter.name, value, interval)
