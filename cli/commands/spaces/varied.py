"""The hyperparameters of each value that is compared."""

from kdl import recipes
from kdl_cli.commands import arguments, catalogue
from kdl_cli.terminal.text import written


def varied(recipe, vary, given):
    """Returns the hyperparameters to train with for each value of one of them.

    Args:
        recipe: `keras_tuner.HyperModel`.
        vary: String. `NAME`, for all values of a choice, or `NAME=V1,V2`.
        given: Dict of values of other hyperparameters. One that has no effect together
            with a value, such as a setting of another strategy, is left out there.

    Returns:
        Tuple of the hyperparameter's name and a dict from values, as `--set` takes
        them, to `keras_tuner.HyperParameters`.

    Raises:
        ValueError: If there are less than two values, if the recipe does not have one,
            or if one of `given` has no effect with any of them.
    """
    name, separator, text = vary.partition("=")
    if not name:
        raise ValueError(
            "`--vary` must be NAME or NAME=V1,V2, as in batch_size=16,64. "
            f"Received: {vary!r}"
        )
    given = {other: value for other, value in given.items() if other != name}
    if separator:
        values = list(map(arguments.value, text.split(",")))
    else:
        values = _declared(recipe, name, given)
    chosen = [_effective(recipe, given | {name: value}) for value in values]
    idle = {k: v for k, v in given.items() if not any(k in some for some in chosen)}
    found = {}
    for value, some in zip(values, chosen, strict=True):
        # Refuses idle ones, and values that the recipe does not have.
        hp = recipes.hyperparameters(recipe, some | idle | {name: value})
        # As the recipe has it, such as a float where an integer was given.
        found[written(hp.values[name])] = hp
    if len(found) < max(2, len(values)):
        raise ValueError(
            "`--vary` must have two values or more, each once. "
            f"Received: {name}={','.join(map(written, values))}"
        )
    return name, found


def _declared(recipe, name, given):
    """Returns all values of a choice."""
    chosen = _effective(recipe, given)
    hp = recipes.hyperparameters(recipe, chosen)
    named = [parameter for parameter in hp.space if parameter.name == name]
    active = [parameter for parameter in named if hp.is_active(parameter)]
    if not active:
        # Raises the error: an unknown name, or one that has no effect.
        default = named[0].default if named else None
        recipes.hyperparameters(recipe, chosen | {name: default})
    (parameter, *_) = active
    if hasattr(parameter, "min_value"):
        ends = f"{parameter.min_value},{parameter.max_value}"
        raise ValueError(
            f"`{name}` needs values to compare, as in --vary {name}={ends}. It can be "
            f"{catalogue.extent(parameter)}."
        )
    return parameter.values


def _effective(recipe, values):
    """Returns those values that have an effect together with the others."""
    chosen = {}
    # Parents come before children, in the order of the space.
    for parameter in recipes.hyperparameters(recipe, {}).space:
        name = parameter.name
        if name in values and name in recipes.hyperparameters(recipe, chosen).values:
            chosen[name] = values[name]
    return chosen
