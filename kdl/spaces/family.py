"""A choice among the parts of one family, each with numbers of its own."""

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import ParamSpec, Protocol, TypeVar, cast

from keras.optimizers.schedules import LearningRateSchedule

from kdl.checks import (
    check_boolean,
    check_choice,
    check_integer,
    check_number,
    check_number_or_schedule,
)

Parameters = ParamSpec("Parameters")
Part = TypeVar("Part", covariant=True)


class Range:
    """A float between two ends, of some of the parts.

    Args:
        name: String.
        meaning: String. What it is, and its unit.
        parts: String. Names of the parts that have the number, with spaces between.
        interval: String. Where it may lie at all, such as `"[0, 1)"`.
        ends: Tuple of the lower end, the upper end and the default.
        sampling: String. `"linear"` or `"log"`.
        takes_schedules: Boolean. Whether a schedule may fix it.
        within: String. What its hyperparameter is named within. KerasTuner mixes up
            hyperparameters of one name, so that parts with different ranges of a
            number need different names for it.
    """

    def __init__(
        self,
        name,
        meaning,
        parts,
        interval,
        ends,
        sampling="linear",
        takes_schedules=False,
        within="",
    ):
        self.name, self.meaning, self.parts = name, meaning, parts.split()
        self.interval = interval
        self.ends, self.sampling, self.within = ends, sampling, within
        self.check = check_number_or_schedule if takes_schedules else check_number

    def checked(self, given):
        """What is given in its place: ends, or a value that fixes it."""
        if not isinstance(given, (list, tuple)):
            return self.check(self.name, given, self.interval)
        if len(given) == 3:
            low, high, default = (
                check_number(self.name, end, self.interval) for end in given
            )
            if low <= default <= high < float("inf") and (
                low > 0 or self.sampling == "linear"
            ):
                return low, high, default
        above = " above 0" if self.sampling == "log" else ""
        raise ValueError(
            f"`{self.name}` must be a value, which fixes it, or a tuple (low, high, "
            f"default) of numbers{above}. Received: {self.name}={given!r}"
        )

    def declared(self, hp, path, ends=None):
        low, high, default = ends or self.ends
        value = hp.Float(path, low, high, sampling=self.sampling, default=default)
        if value is None:
            return default
        if not low <= value <= high:
            raise _declared_otherwise(path, value, f"[{low}, {high}]")
        return value


class Options:
    """A value among several, of which the first is the default.

    Args:
        name: String.
        meaning: String. What it is, and its unit.
        parts: String. Names of the parts that have the value, with spaces between.
        values: List of integers, or of booleans.
    """

    within = ""

    def __init__(self, name, meaning, parts, values):
        self.name, self.meaning, self.parts = name, meaning, parts.split()
        self.values = values

    def checked(self, given):
        """What is given in its place: options, or a value that fixes it."""
        if not isinstance(given, (list, tuple)):
            return self._checked_value(given)
        values = [self._checked_value(value) for value in given]
        if not values or len(set(values)) < len(values):
            raise ValueError(
                f"`{self.name}` must be a value, which fixes it, or a list of "
                "different values, the first the default. "
                f"Received: {self.name}={given!r}"
            )
        return values

    def _checked_value(self, value):
        if isinstance(self.values[0], bool):
            return check_boolean(self.name, value)
        return check_integer(self.name, value, "[1, inf)")

    def declared(self, hp, path, values=None):
        return _declared_choice(hp, path, values or self.values)


def pick(hp, family, scope, choices, allowed, numbers, given, argument="choices"):
    """Declares a choice among parts, and the numbers of each.

    Args:
        hp: `keras_tuner.HyperParameters`.
        family: String. Name of the choice.
        scope: String or `None`. What its name and those of the numbers begin with.
        choices: Sequence of strings. The parts to choose from. A single one is no
            hyperparameter.
        allowed: Sequence of strings. The parts that there are.
        numbers: List of `Range`s and `Options`. Several of one name belong to
            different parts, and are named within them.
        given: Dict of what stands in place of the numbers, by name. `None` is nothing.
        argument: String. What the user knows the choices as. Defaults to `"choices"`.

    Returns:
        Tuple of the choice and a namespace of the numbers that it has. Where a scope of
        `hp` is not active, of their defaults.

    Raises:
        ValueError: If `choices` or `given` are not as described, or if they are not
            those of an earlier call of the same names.
    """
    if not isinstance(scope, (str, type(None))):
        raise ValueError(
            "`scope` must be a string, with which the names begin, or None. "
            f"Received: {scope=}. Choices are given as `choices=…`."
        )
    path = f"{scope}/{family}" if scope else family
    choices = _checked_choices(argument, choices, allowed)
    given = {name: value for name, value in given.items() if value is not None}
    _check_names(family, given, numbers, choices)
    choice = _declared_choice(hp, path, choices)
    values = {}
    for number in numbers:
        parts = [part for part in choices if part in number.parts]
        if not parts:
            continue
        value = given.get(number.name)
        if value is not None:
            value = number.checked(value)
        if value is None or isinstance(value, (list, tuple)):
            name = _path(path, number)
            with _active(hp, path, parts, choices):
                value = number.declared(hp, name, value)
        if choice in parts:
            values[number.name] = value
    return choice, SimpleNamespace(**values)


class Space(Protocol[Parameters, Part]):
    """A function that declares hyperparameters, and returns the part that they make.

    Attributes:
        meanings: Dict of strings. What each is, and its unit, by name without a scope.
    """

    meanings: dict[str, str]

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Part: ...


def described(
    meanings: dict[str, str],
) -> Callable[[Callable[Parameters, Part]], Space[Parameters, Part]]:
    """Gives a function the attribute `meanings`."""

    def decorate(function):
        function.meanings = meanings
        return cast(Space, function)

    return decorate


def meanings(family, meaning, numbers):
    """Returns what the hyperparameters of a family mean, by name without a scope.

    Args:
        family: String. Name of the choice.
        meaning: String. What is chosen.
        numbers: List of `Range`s and `Options`.
    """
    return {family: meaning, **{_path(family, n): n.meaning for n in numbers}}


def following(schedule, value):
    """The number that a part is given: what the user's function makes of a value.

    Args:
        schedule: Function of a value, or `None`.
        value: Float, or a schedule that the user has fixed it to.
    """
    if schedule is None:
        return value
    if isinstance(schedule, LearningRateSchedule) or not callable(schedule):
        raise ValueError(
            "`schedule` must be a function that takes the value and returns a schedule "
            "or a number, such as `lambda value: kdl.schedules.Warmup(value, 1000)`. "
            f"Received: {schedule=}"
        )
    return schedule(value)


def _path(path, number):
    """The whole name of a number of a choice."""
    return "/".join(filter(None, [path, number.within, number.name]))


def _checked_choices(argument, choices, allowed):
    is_list = isinstance(choices, (list, tuple)) and choices
    if not is_list or len(set(map(str, choices))) < len(choices):
        raise ValueError(
            f"`{argument}` must be a list of one or more of "
            f"{', '.join(map(repr, allowed))}. Received: {argument}={choices!r}"
        )
    return [check_choice(argument, choice, allowed) for choice in choices]


def _check_names(family, given, numbers, choices):
    for name, value in given.items():
        parts = [
            part for number in numbers if number.name == name for part in number.parts
        ]
        if not parts:
            known = ", ".join(dict.fromkeys(number.name for number in numbers))
            raise ValueError(
                f"The space of the {family} has no {name!r}. It has: {known or 'none'}."
            )
        if not set(parts) & set(choices):
            raise ValueError(
                f"`{name}` has no effect unless one of {', '.join(map(repr, parts))} "
                f"is among the choices. Received: {name}={value!r} with {choices}"
            )


def _declared_choice(hp, path, values):
    """A hyperparameter of several values, or the only value."""
    values = list(values)
    if len(values) == 1:
        return values[0]
    if isinstance(values[0], bool):
        # A `Choice` makes numbers of them.
        value = hp.Boolean(path, default=values[0])
    else:
        value = hp.Choice(path, values, default=values[0])
    if value is None:
        return values[0]
    if value not in values:
        raise _declared_otherwise(path, value, values)
    return value


def _declared_otherwise(path, value, values):
    return ValueError(
        f"`{path}` must be declared alike in every call. Received: {value!r}, of "
        f"another call, where this one has {values}. A `scope` gives a call names of "
        "its own."
    )


def _active(hp, path, parts, choices):
    """The scope of what belongs to some of the choices."""
    if len(parts) == len(choices):
        return contextlib.nullcontext()
    return hp.conditional_scope(path, parts)
