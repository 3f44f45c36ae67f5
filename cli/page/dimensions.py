"""The hyperparameters of a search, as axes."""

import dataclasses
import math


@dataclasses.dataclass
class Dimension:
    """A hyperparameter that differs between trials.

    Attributes:
        name: String.
        scale: `"linear"`, `"log"` or `"category"`.
        values: List. What it can be, in the order of the space, for a category; else
            its least and its greatest value.
    """

    name: str
    scale: str
    values: list

    def coordinate(self, value):
        """Where a value lies on the axis: a number, or that of its category."""
        match self.scale:
            case "category":
                return self.values.index(value)
            case "log":
                return math.log10(value)
        return value

    def position(self, value):
        """Where a value lies between the first, 0, and the last, 1."""
        first, last = (self.coordinate(self.values[n]) for n in (0, -1))
        return (
            (self.coordinate(value) - first) / (last - first) if last > first else 0.5
        )

    def ticks(self):
        """Values to label the axis with: all of a category, else ends and middle."""
        if self.scale == "category":
            return self.values
        first, last = self.values
        log = self.scale == "log"
        middle = math.sqrt(first * last) if log else (first + last) / 2
        return [first, round(middle) if isinstance(first, int) else middle, last]


def dimensions(search):
    """The hyperparameters that have two values or more among the trials.

    Args:
        search: `kdl.tuning.SearchRecord`.

    Returns:
        List of `Dimension`, in the order of the space.
    """
    declared = {}
    for entry in search.space:
        # A name may be declared several times, under different conditions.
        declared.setdefault(entry["config"]["name"], []).append(entry)
    found = []
    for name, entries in declared.items():
        seen = [trial.values[name] for trial in search.trials if name in trial.values]
        fixed = any(entry["class_name"] == "Fixed" for entry in entries)
        if not fixed and len(set(seen)) > 1:
            found.append(_dimension(name, entries, seen))
    return found


def _dimension(name, declared, seen):
    configs = [entry["config"] for entry in declared]
    values = [*_declared_values(configs), *seen]
    kinds = {entry["class_name"] for entry in declared}
    numbers = {type(value) for value in values} <= {int, float}
    if kinds & {"Choice", "Boolean"} or not numbers:
        return Dimension(name, "category", list(dict.fromkeys(values)))
    log = any(config.get("sampling") == "log" for config in configs)
    scale = "log" if log and min(values) > 0 else "linear"
    return Dimension(name, scale, [min(values), max(values)])


def _declared_values(configs):
    for config in configs:
        yield from config.get("values", [])
        yield from (config[k] for k in ("min_value", "max_value") if k in config)
