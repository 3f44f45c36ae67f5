"""Recipes and their spaces, for `kdl list` and `kdl describe`."""

import inspect

import keras_tuner
from rich.table import Table

from kdl import spaces
from kdl.recipes.own import named
from kdl_cli.terminal.text import values_table


def recipes_table():
    return values_table(
        {
            name: inspect.getdoc(recipe).split("\n")[0]
            for name, recipe in sorted(named.built_in().items())
        }
    )


def spaces_table():
    return values_table(
        {
            name: inspect.getdoc(getattr(spaces, name)).split("\n")[0]
            for name in spaces.__all__
        }
    )


def declared(name):
    """Returns what the recipe or the space `name` takes.

    Returns:
        Tuple of its hyperparameters, what they mean, and what options of a recipe mean
        beside its data, dicts of strings by name.
    """
    hp = keras_tuner.HyperParameters()
    if name in spaces.__all__:
        space = getattr(spaces, name)
        # The length of a schedule does not matter here.
        takes_steps = "steps" in inspect.signature(space).parameters
        space(hp, **({"steps": 1000} if takes_steps else {}))
        return hp, space.meanings, {}
    if not named.is_own(name) and name not in named.built_in():
        try:
            named.find(name)
        except ValueError as error:
            text = f"{error} The spaces: {', '.join(spaces.__all__)}."
            raise ValueError(text) from None
    recipe = named.find(name).made()
    # A hypermodel of KerasTuner, and a function, build a model to declare theirs.
    build = getattr(recipe, "build", recipe)
    getattr(recipe, "space", build)(hp)
    meanings, extras = (getattr(recipe, n, {}) for n in ("meanings", "extras"))
    return hp, meanings, extras


def space_table(hp, meanings):
    """A table of names, each with default, range, meaning and conditions."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    # One may want to copy a name, so that it is not wrapped.
    table.add_column(no_wrap=True)
    table.add_column()
    for parameter in hp.space:
        lines = [f"{parameter.default}, of {extent(parameter)}"]
        if parameter.name in meanings:
            lines.append(meanings[parameter.name])
        for condition in parameter.conditions:
            values = " or ".join(map(str, condition.values))
            lines.append(f"only if {condition.name} is {values}")
        table.add_row(parameter.name, "\n".join(lines))
    return table


def extent(parameter):
    """The range or the choices of a hyperparameter, in words."""
    if hasattr(parameter, "min_value"):
        text = f"{parameter.min_value} to {parameter.max_value}"
        if parameter.sampling != "linear":
            text += f", {parameter.sampling} scale"
        if parameter.step and parameter.step != 1:
            # On a log scale KerasTuner multiplies by the step.
            kind = "step" if parameter.sampling == "linear" else "factor"
            text += f", {kind} {parameter.step}"
        return text
    return ", ".join(map(str, getattr(parameter, "values", [True, False])))
