"""The values of a space of KerasTuner: which there are, and which have an effect."""

import math
import numbers

import numpy as np
from keras_tuner.engine import hyperparameters as kinds

# Values of an integer beyond which it is taken for continuous, and rounded.
_MOST = 1000


def levels_of(parameter):
    """All values of a hyperparameter, in order, or `None` if there are too many."""
    if isinstance(parameter, kinds.Fixed):
        return [parameter.value]
    if isinstance(parameter, kinds.Boolean):
        return [False, True]
    if isinstance(parameter, kinds.Choice):
        values = list(dict.fromkeys(parameter.values))
        return sorted(values) if parameter.ordered else values
    if parameter.min_value == parameter.max_value:
        return [parameter.min_value]
    if not isinstance(parameter, kinds.Int):
        return None if parameter.step is None else list(parameter.values)
    if parameter.step is None:
        values = range(parameter.min_value, parameter.max_value + 1)
    elif parameter.sampling == "linear":
        values = range(parameter.min_value, parameter.max_value + 1, parameter.step)
    else:
        # KerasTuner rounds down, perhaps to the same twice.
        values = dict.fromkeys(int(value) for value in parameter.values)
    return list(values) if len(values) <= _MOST else None


def is_active(parameter, values):
    """Whether a hyperparameter has an effect, by the values of its parents."""
    return all(condition.is_active(values) for condition in parameter.conditions)


def completed(space, values):
    """Returns the active values: those given, and the defaults of the others.

    Args:
        space: List of `HyperParameter`, parents before children.
        values: Dict of values by name.
    """
    found = {}
    for parameter in space:
        if is_active(parameter, found):
            found[parameter.name] = values.get(parameter.name, parameter.default)
    return found


def states_a_default(space):
    """Whether a hyperparameter at least has a default that somebody chose.

    Where nobody does, KerasTuner takes the least value, or the first.
    """
    return any(parameter.default != _implied_default(parameter) for parameter in space)


def check_values(space, values):
    """Returns the values given as KerasTuner has them, if the space can have them.

    Args:
        space: List of `HyperParameter`, parents before children.
        values: Dict of values by name. The others have their defaults.

    Raises:
        ValueError: If the space has no hyperparameter of a name, or if a
            hyperparameter cannot have its value, or has no effect beside the others.
    """
    names = {parameter.name for parameter in space}
    for name in values:
        if name not in names:
            raise ValueError(
                f"The space has no hyperparameter {name!r}. It has: "
                f"{', '.join(sorted(names))}."
            )
    checked, found = {}, {}
    for parameter in space:
        name = parameter.name
        if not is_active(parameter, found):
            continue
        found[name] = parameter.default
        if name in values:
            found[name] = checked[name] = _checked(parameter, values[name])
    for name in values:
        if name not in checked:
            raise ValueError(
                f"The hyperparameter {name!r} has no effect beside the other "
                "values. Leave it out, or give those on which it depends. "
                f"Received: {values}"
            )
    return checked


def _checked(parameter, value):
    """Returns a value, which may be a scalar of NumPy, if a hyperparameter has it."""
    plain = value.item() if isinstance(value, np.generic) else value
    numeric = hasattr(parameter, "min_value")
    levels = levels_of(parameter)
    if not numeric:
        for level in levels:
            if isinstance(plain, bool) == isinstance(level, bool) and plain == level:
                return level
        allowed = f"one of {', '.join(map(repr, levels))}"
    else:
        is_integer = isinstance(parameter, kinds.Int)
        kind = numbers.Integral if is_integer else numbers.Real
        low, high = parameter.min_value, parameter.max_value
        if (
            isinstance(plain, kind)
            and not isinstance(plain, bool)
            and low <= plain <= high
        ):
            plain = int(plain) if is_integer else float(plain)
            if levels is None:
                return plain
            nearest = min(levels, key=lambda level: abs(level - plain))
            if math.isclose(nearest, plain, rel_tol=1e-9, abs_tol=1e-12):
                return nearest
        allowed = f"{'an integer' if is_integer else 'a number'} in [{low}, {high}]"
        if parameter.step is not None:
            allowed += f" in steps of {parameter.step}"
    raise ValueError(
        f"The hyperparameter {parameter.name!r} must be {allowed}. "
        f"Received: {parameter.name}={value!r}"
    )


def _implied_default(parameter):
    if hasattr(parameter, "min_value"):
        return parameter.min_value
    # A boolean's is `False`.
    return parameter.values[0] if isinstance(parameter, kinds.Choice) else False
