"""The space of a search, with some hyperparameters fixed or narrowed."""

import dataclasses

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds

from kdl import recipes
from kdl.tuning.values import levels_of
from kdl_cli.commands import arguments
from kdl_cli.terminal.text import written


@dataclasses.dataclass(frozen=True)
class Narrowing:
    """Values that the user allows for some hyperparameters, by name.

    Attributes:
        fixed: Dict of values.
        ranges: Dict of lists: the least and the greatest value.
        choices: Dict of lists of values.
    """

    fixed: dict
    ranges: dict
    choices: dict

    @classmethod
    def parse(cls, set_, range_, choices):
        """Reads the texts of `--set`, `--range` and `--choices`.

        Raises:
            ValueError: If a text is malformed, or a name is given by two options.
        """
        found = cls(
            arguments.changed(set_),
            dict(map(_range, range_ or ())),
            dict(map(_choices, choices or ())),
        )
        options = {}
        for option, values in found.by_option().items():
            for name in values:
                if name in options:
                    raise ValueError(
                        f"`{name}` is given by {options[name]} and by {option}. Leave "
                        "one out."
                    )
                options[name] = option
        return found

    def by_option(self):
        """The three dicts, by the option that gives each."""
        return {"--set": self.fixed, "--range": self.ranges, "--choices": self.choices}

    def allows(self, name, value):
        """Whether a hyperparameter may still have a value."""
        if name in self.fixed:
            return value == self.fixed[name]
        if name in self.ranges:
            low, high = self.ranges[name]
            return low <= value <= high
        return value in self.choices.get(name, [value])

    def applies(self, parameter):
        """Whether a hyperparameter may still have an effect."""
        return not any(self.unmet(parameter))

    def unmet(self, parameter):
        """The conditions of a hyperparameter that can no longer be met."""
        return [
            condition
            for condition in parameter.conditions
            if not any(self.allows(condition.name, v) for v in condition.values)
        ]

    def settings(self):
        """Returns what is not empty, for the settings of a search."""
        parts = {"set": self.fixed, "range": self.ranges, "choices": self.choices}
        return {name: values for name, values in parts.items() if values}


def narrow(recipe, given):
    """Returns the space of a recipe with some hyperparameters narrowed.

    The default of each becomes the nearest value that is left.

    Args:
        recipe: `keras_tuner.HyperModel`.
        given: `Narrowing`.

    Returns:
        Tuple of `keras_tuner.HyperParameters`, for a tuner to begin with, and a
        `Narrowing` with the values as the recipe has them, such as a float where an
        integer was given.

    Raises:
        ValueError: If the recipe has no hyperparameter of a name or not with these
            values, if the option does not fit its kind, if less than two values are
            left of one that is not fixed, or if it has no effect with the others.
    """
    space = recipes.hyperparameters(recipe, {}).space
    declared = {}
    for parameter in space:
        declared.setdefault(parameter.name, []).append(parameter)
    for values in given.by_option().values():
        for name, value in values.items():
            if name not in declared:
                # Raises the error, which lists the names.
                recipes.hyperparameters(recipe, {name: value})
    for option, values in given.by_option().items():
        for name in values:
            _check_kind(option, declared[name][0])
    found, known = Narrowing({}, {}, {}), keras_tuner.HyperParameters()
    for parameter in space:
        if given.applies(parameter):
            parameter = _narrowed(recipe, parameter, given, found)
        elif not any(map(given.applies, declared[parameter.name])):
            _check_free(parameter, given)
        known.merge([parameter])
    return known, found


def _range(text):
    name, ends = arguments.split("--range", text)
    ends = list(map(arguments.value, ends.split(",")))
    if len(ends) != 2 or not {type(end) for end in ends} <= {int, float}:
        raise arguments.malformed("--range", text)
    return name, ends


def _choices(text):
    name, values = arguments.split("--choices", text)
    return name, list(map(arguments.value, values.split(",")))


def _check_free(parameter, given):
    """Raises a `ValueError` if values are given for what has no effect."""
    for values in given.by_option().values():
        if parameter.name in values:
            condition, *_ = given.unmet(parameter)
            raise ValueError(
                f"`{parameter.name}` has no effect unless `{condition.name}` is one of "
                f"{', '.join(map(repr, condition.values))}. "
                f"Received: {_received(parameter.name, values[parameter.name])}"
            )


def _check_kind(option, parameter):
    """Raises a `ValueError` if an option is for hyperparameters of another kind."""
    name = parameter.name
    kind = "number" if hasattr(parameter, "min_value") else type(parameter).__name__
    what, other = {
        "number": ("a number with a range", "--range {}={},{}"),
        "Choice": ("a choice", "--choices {}={},{}"),
        "Boolean": ("true or false", "--set {}={}"),
        "Fixed": ("fixed by the recipe", None),
    }[kind]
    fitting = {"--range": "number", "--choices": "Choice"}.get(option, kind)
    if kind == fitting:
        return
    need = {"--range": "numbers with a range", "--choices": "choices"}[option]
    values = levels_of(parameter) or (parameter.min_value, parameter.max_value)
    ends = map(written, (values[0], values[-1]))
    hint = f" Use {other.format(name, *ends)}." if other else ""
    raise ValueError(f"`{option}` is for {need}, and `{name}` is {what}.{hint}")


def _narrowed(recipe, parameter, given, found):
    """Returns a hyperparameter with fewer values, and notes these in `found`."""
    name = parameter.name

    def checked(value):
        # With values of its parents for which it has an effect.
        parents = {
            condition.name: next(
                v for v in condition.values if given.allows(condition.name, v)
            )
            for condition in parameter.conditions
        }
        values = recipes.hyperparameters(recipe, parents | {name: value}).values
        return values[name]

    if name in given.fixed:
        value = found.fixed[name] = checked(given.fixed[name])
        return kinds.Fixed(name, value, conditions=parameter.conditions)
    if name in given.ranges:
        ends = found.ranges[name] = [checked(end) for end in given.ranges[name]]
        return _within(parameter, *ends)
    if name in given.choices:
        values = found.choices[name] = [checked(v) for v in given.choices[name]]
        return _among(parameter, values)
    return parameter


def _within(parameter, low, high):
    """Returns a number whose range is between two values."""
    name = parameter.name
    if low >= high:
        raise ValueError(
            f"`--range` must have LOW below HIGH. Received: {name}={low},{high}"
        )
    default = min(max(parameter.default, low), high)
    levels = levels_of(parameter)
    if levels is not None:
        # In the steps of the recipe.
        levels = [level for level in levels if low <= level <= high]
        if len(levels) < 2:
            raise ValueError(
                f"`--range` must leave two values of `{name}` or more, and leaves "
                f"{len(levels)}. Received: {name}={low},{high}"
            )
        low, high = levels[0], levels[-1]
        default = min(levels, key=lambda level: abs(level - parameter.default))
    return _changed(parameter, min_value=low, max_value=high, default=default)


def _among(parameter, values):
    """Returns a choice among some of the values."""
    if len(set(values)) < max(2, len(values)):
        raise ValueError(
            "`--choices` must have two values or more, each once. "
            f"Received: {_received(parameter.name, values)}"
        )
    # In the order of the recipe.
    values = [value for value in parameter.values if value in values]
    default = parameter.default
    if default not in values:
        is_number = not isinstance(default, str)
        default = (
            min(values, key=lambda value: abs(value - default))
            if is_number
            else values[0]
        )
    return _changed(parameter, values=values, default=default)


def _changed(parameter, **changes):
    config = parameter.get_config() | changes
    name = type(parameter).__name__
    return kinds.deserialize({"class_name": name, "config": config})


def _received(name, value):
    values = value if isinstance(value, list) else [value]
    return f"{name}={','.join(map(written, values))}"
