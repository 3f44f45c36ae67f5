"""Bounds on what a trial reports."""

import dataclasses
import itertools
import math
import operator
import re

_SIGNS = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
# The two-character signs first.
_FORM = re.compile(rf"\s*([^\s<>=]+)\s*({'|'.join(_SIGNS)})\s*(\S+)\s*")


@dataclasses.dataclass(frozen=True)
class Constraint:
    """A bound on a metric, which a trial meets or not.

    Attributes:
        name: String. The metric.
        sign: `"<="`, `">="`, `"<"` or `">"`.
        bound: Float, finite.
    """

    name: str
    sign: str
    bound: float

    @property
    def direction(self):
        """`"min"` or `"max"`: where the values that meet it lie."""
        return "min" if self.sign.startswith("<") else "max"

    def is_met(self, value):
        """Whether a value of the metric meets it; NaN never does."""
        return _SIGNS[self.sign](value, self.bound)

    def __str__(self):
        return f"{self.name}{self.sign}{self.bound:.12g}"


def parse(option, text):
    """Returns the `Constraint` that a text states.

    Args:
        option: String. The argument or option, as in an error.
        text: String, such as `"params<=100000"`.

    Raises:
        ValueError: If it states none.
    """
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found:
        name, sign, number = found.groups()
        try:
            bound = float(number)
        except ValueError:
            bound = math.nan
        if math.isfinite(bound):
            return Constraint(name, sign, bound)
    raise ValueError(
        f"{option} must be a metric, one of <=, <, >= and >, and a number, as in "
        f"'params<=100000'. Received: {text!r}"
    )


def check_constraints(option, texts):
    """Returns a list of `Constraint`, provided that a trial can meet all of them.

    Args:
        option: String. The argument or option, as in an error.
        texts: List or tuple of strings, or `None` for none.

    Raises:
        ValueError: If one is none, or if two exclude each other.
    """
    if texts is None:
        return []
    if not isinstance(texts, list | tuple):
        raise ValueError(
            f"{option} must be a list of strings such as 'params<=100000', or None. "
            f"Received: {texts!r}"
        )
    found = [parse(option, text) for text in texts]
    for one, other in itertools.combinations(found, 2):
        if one.name == other.name and one.direction != other.direction:
            least, most = (one, other) if one.direction == "max" else (other, one)
            is_open = not (least.sign == ">=" and most.sign == "<=")
            if least.bound > most.bound or (least.bound == most.bound and is_open):
                raise ValueError(f"No value meets both {least} and {most}.")
    return found


def feasible(constraints, metrics):
    """Whether the metrics of a trial, a dict of floats, meet all constraints.

    What a trial has not reported meets none.
    """
    return all(c.is_met(metrics.get(c.name, math.nan)) for c in constraints)


def broken(constraints, metrics):
    """Sentence that says which constraints are broken, or `None` if none is.

    Args:
        constraints: List of `Constraint`.
        metrics: Dict of floats. What it does not hold is not judged.
    """
    parts = [
        f"{c.name} is {metrics[c.name]:.12g}, and {c} is asked for"
        for c in constraints
        if c.name in metrics and not c.is_met(metrics[c.name])
    ]
    return "; ".join(parts) + "." if parts else None


def unmet(constraints, reports):
    """Sentence that says why no trial meets all constraints, or `None` if one does.

    Args:
        constraints: List of `Constraint`.
        reports: List of dicts of floats: the metrics of each trial, as far as known.
    """
    if not constraints or any(feasible(constraints, report) for report in reports):
        return None
    for constraint in constraints:
        values = [r[constraint.name] for r in reports if constraint.name in r]
        if values and not any(map(constraint.is_met, values)):
            pick, which = (
                (min, "least") if constraint.direction == "min" else (max, "greatest")
            )
            return (
                f"No trial meets {constraint}: the {which} {constraint.name} is "
                f"{pick(values):.12g}."
            )
    return f"No trial meets all of {', '.join(map(str, constraints))}."
