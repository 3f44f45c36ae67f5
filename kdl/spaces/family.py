"""A choice among the parts of one family, each with numbers of its own."""

import contextlib
from types import SimpleNamespace

from kdl.checks import check_choice


class Range:
    """A number between two ends, of some of the parts.

    Args:
        name: String.
        parts: String. Names of the parts that have the number, with spaces between.
        low: Number. Lower end.
        high: Number. Upper end.
        default: Number.
        sampling: String. `"linear"` or `"log"`.
    """

    def __init__(self, name, parts, low, high, default, sampling="linear"):
        self.name, self.parts = name, parts.split()
        self.ends, self.sampling = (low, high, default), sampling
        self.form = (
            "a number, which fixes it, or a tuple (low, high, default) of numbers"
        )
        if sampling == "log":
            self.form += " above 0"

    def accepts(self, ends):
        low, high, default = ends if len(ends) == 3 else (1, 0, 0)
        return low <= default <= high and (low > 0 or self.sampling == "linear")

    def declare(self, hp, path, ends=None):
        low, high, default = ends or self.ends
        return hp.Float(path, low, high, sampling=self.sampling, default=default)


class Options:
    """A value among several, of which the first is the default.

    Args:
        name: String.
        parts: String. Names of the parts that have the value, with spaces between.
        values: List of values of one type.
    """

    form = "a value, which fixes it, or a list of values, the first the default"

    def __init__(self, name, parts, values):
        self.name, self.parts, self.values = name, parts.split(), values

    def accepts(self, values):
        return len(values) > 0

    def declare(self, hp, path, values=None):
        values = list(values or self.values)
        if len(values) == 1:
            return values[0]
        if isinstance(values[0], bool):
            # A `Choice` makes numbers of them.
            return hp.Boolean(path, default=values[0])
        return hp.Choice(path, values, default=values[0])


def choose(hp, family, scope, choices, allowed, numbers, given, argument="choices"):
    """Declares a choice among parts, and the numbers of each.

    Args:
        hp: `keras_tuner.HyperParameters`.
        family: String. Name of the choice.
        scope: String or `None`. What its name and those of the numbers begin with.
        choices: Sequence of strings. The parts to choose from. A single one is no
            hyperparameter.
        allowed: Sequence of strings. The parts that there are.
        numbers: List of `Range`s and `Options`. Several of one name belong to
            different parts.
        given: Dict of what stands in place of the numbers, by name.
        argument: String. What the user knows the choices as. Defaults to `"choices"`.

    Returns:
        Tuple of the choice and a namespace of the numbers that it has.

    Raises:
        ValueError: If `choices` or `given` name what there is not.
    """
    path = f"{scope}/{family}" if scope else family
    choices = _checked_choices(argument, choices, allowed)
    _check_given(family, given, numbers)
    if len(choices) > 1:
        choice = hp.Choice(path, choices, default=choices[0])
    else:
        (choice,) = choices
    values = {}
    for number in numbers:
        if parts := [part for part in choices if part in number.parts]:
            with _active(hp, path, parts, choices):
                value = _declared(number, hp, path, given)
            if choice in parts:
                values[number.name] = value
    return choice, SimpleNamespace(**values)


def _checked_choices(argument, choices, allowed):
    if isinstance(choices, str) or not choices:
        raise ValueError(
            f"`{argument}` must be a list of one or more of "
            f"{', '.join(map(repr, allowed))}. Received: {argument}={choices!r}"
        )
    return [check_choice(argument, choice, allowed) for choice in choices]


def _check_given(family, given, numbers):
    known = {number.name: number for number in numbers}
    for name, value in given.items():
        if name not in known:
            raise ValueError(
                f"The space of the {family} has no {name!r}. "
                f"It has: {', '.join(known)}."
            )
        number = known[name]
        if isinstance(value, (list, tuple)) and not number.accepts(value):
            raise ValueError(
                f"`{name}` must be {number.form}. Received: {name}={value!r}"
            )


def _active(hp, path, parts, choices):
    """The scope of what belongs to some of the choices."""
    if len(parts) == len(choices):
        return contextlib.nullcontext()
    return hp.conditional_scope(path, parts)


def _declared(number, hp, path, given):
    value = given.get(number.name)
    if value is None or isinstance(value, (list, tuple)):
        return number.declare(hp, f"{path}/{number.name}", value)
    return value
