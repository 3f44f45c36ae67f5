"""A space of KerasTuner as a cube, and as the features of a model."""

import math

import numpy as np
from keras_tuner.engine import hyperparameters as kinds

from kdl.tuning.values import is_active, levels_of


class Encoding:
    """Maps hyperparameters to points of the unit cube, and these to features.

    A point `u` of the cube `[0, 1]^d` has a coordinate for each hyperparameter that
    can vary. What a search draws and moves are such points; what it proposes are
    values; what its model sees are features, `D >= d` of them:

    - a number, or an ordered choice, is one feature: its place in its range, as its
      `sampling` has it, of the nearest value that there is;
    - an unordered choice of `k` values is `k` features of which one is `1 / sqrt(2)`,
      so that any two values are at distance 1;
    - a hyperparameter that has no effect, since the parent that it hangs on has
      another value, is at one place for all: in the middle, or at 0 for a choice.

    Args:
        space: List of `HyperParameter`, parents before children, as `oracle.get_space`
            has it.

    Attributes:
        space: The list.
        groups: Array of `D` integers. Which hyperparameter each feature is of.
        numeric: Array of `d` booleans. Which hyperparameters are continuous.
    """

    def __init__(self, space):
        self.space = list(space)
        self.parameters, self._levels, self._places, self._columns = [], [], [], []
        column = 0
        for parameter in self.space:
            levels = levels_of(parameter)
            if levels is not None and len(levels) < 2:
                continue
            nominal = _is_nominal(parameter)
            width = len(levels) if nominal else 1
            self.parameters.append(parameter)
            self._levels.append(levels)
            self._places.append(
                None if levels is None or nominal else _places(parameter, levels)
            )
            self._columns.append(slice(column, column + width))
            column += width
        self.groups = np.repeat(
            np.arange(len(self.parameters)),
            [columns.stop - columns.start for columns in self._columns],
        )
        self.numeric = np.array([levels is None for levels in self._levels], bool)
        self.nominal = np.array([_is_nominal(p) for p in self.parameters], bool)
        self._index = {id(p): i for i, p in enumerate(self.parameters)}

    @property
    def size(self):
        """Integer `d`. Number of hyperparameters that can vary."""
        return len(self.parameters)

    def spacing(self):
        """Array of `d` floats. Least step in the cube to another value."""
        return np.array([1 / len(levels) if levels else 0.0 for levels in self._levels])

    def column(self, index):
        """Integer. First feature of a hyperparameter."""
        return self._columns[index].start

    def features(self, cube):
        """Returns features `(m, D)` and who is active `(m, d)` of points `(m, d)`."""
        count = len(cube)
        features = np.zeros((count, len(self.groups)))
        active = np.ones((count, self.size), bool)
        # By condition: where its parent is active and has one of its values.
        met = {}
        for parameter in self.space:
            index = self._index.get(id(parameter))
            here = np.ones(count, bool)
            for condition in parameter.conditions:
                here &= met.get((condition.name, tuple(condition.values)), False)
            if index is None:
                levels, taken = levels_of(parameter), np.zeros(count, int)
            else:
                active[:, index] = here
                levels, coordinate = self._levels[index], cube[:, index]
                columns = self._columns[index]
                if levels is None:
                    features[:, columns.start] = np.where(here, coordinate, 0.5)
                    continue
                taken = self._nearest(index, coordinate)
                if self.nominal[index]:
                    features[np.flatnonzero(here), columns.start + taken[here]] = _HALF
                else:
                    place = self._places[index][taken]
                    features[:, columns.start] = np.where(here, place, 0.5)
            for name, values in self._conditions_on(parameter.name):
                hit = np.array([level in values for level in levels])[taken] & here
                # Of several of one name, one at most is active.
                met[name, values] = met.get((name, values), False) | hit
        return features, active

    @property
    def branches(self):
        """List of tuples `(index, level)`, the values on which others hang.

        They are those of unordered choices.
        """
        parents = {c.name for parameter in self.space for c in parameter.conditions}
        return [
            (index, level)
            for index, parameter in enumerate(self.parameters)
            if parameter.name in parents and self.nominal[index]
            for level in range(len(self._levels[index]))
        ]

    def is_in(self, branch, cube):
        """Returns of points `(m, d)` whether they are in one of `branches`."""
        index, level = branch
        _, active = self.features(cube)
        return active[:, index] & (self._nearest(index, cube[:, index]) == level)

    def features_of(self, values):
        """Returns the features `(m, D)` of a list of dicts of values."""
        features, _ = self.features(np.array([self.encode(some) for some in values]))
        return features

    def encode(self, values):
        """Returns the point of a dict of values; in the middle what is not there."""
        point = np.full(self.size, 0.5)
        for index, parameter in enumerate(self.parameters):
            if parameter.name not in values:
                continue
            value, levels = values[parameter.name], self._levels[index]
            if levels is None:
                value = min(max(value, parameter.min_value), parameter.max_value)
                point[index] = np.clip(parameter.value_to_prob(value), 0, 1)
            elif value in levels:
                # In the middle of its stretch, whatever the kind.
                point[index] = self._coordinate(index, levels.index(value))
        return point

    def decode(self, point):
        """Returns the values, active ones alone, of a point of the cube."""
        values = {}
        for parameter in self.space:
            if is_active(parameter, values):
                values[parameter.name] = self._value(parameter, point)
        return values

    def points(self, levels=None):
        """Yields each combination of values once, the last varying fastest.

        Args:
            levels: Optional function of a continuous hyperparameter that returns a
                list of values. Without it, there must be none.
        """
        yield from self._points({}, 0, levels)

    def combinations(self, most):
        """Returns the points of the cube of all combinations, or `None`.

        Args:
            most: Integer. Number of levels, multiplied, beyond which they are too
                many, and `None` is returned, as for a continuous hyperparameter.
        """
        if self.numeric.any() or math.prod(map(len, self._levels)) > most:
            return None
        return np.array([self.encode(values) for values in self.points()])

    def _points(self, values, place, levels):
        if place == len(self.space):
            yield dict(values)
            return
        parameter = self.space[place]
        if not is_active(parameter, values):
            yield from self._points(values, place + 1, levels)
            return
        for value in levels_of(parameter) or levels(parameter):
            yield from self._points(
                {**values, parameter.name: value}, place + 1, levels
            )

    def _conditions_on(self, name):
        return {
            (condition.name, tuple(condition.values))
            for parameter in self.space
            for condition in parameter.conditions
            if condition.name == name
        }

    def _value(self, parameter, point):
        index = self._index.get(id(parameter))
        if index is None:
            (value,) = levels_of(parameter)
            return value
        if self._levels[index] is None:
            value = parameter.prob_to_value(float(point[index]))
            return min(max(value, parameter.min_value), parameter.max_value)
        (nearest,) = self._nearest(index, point[index : index + 1])
        return self._levels[index][nearest]

    def _nearest(self, index, coordinate):
        places = self._places[index]
        if places is None:
            count = len(self._levels[index])
            return np.minimum((coordinate * count).astype(int), count - 1)
        return np.searchsorted((places[1:] + places[:-1]) / 2, coordinate)

    def _coordinate(self, index, level):
        places = self._places[index]
        if places is None:
            return (level + 0.5) / len(self._levels[index])
        return places[level]


# So that two values are at distance 1.
_HALF = math.sqrt(0.5)


def _is_nominal(parameter):
    """Whether its values have no order; of two values, the order says nothing."""
    if isinstance(parameter, kinds.Boolean):
        return True
    if isinstance(parameter, kinds.Choice):
        return not parameter.ordered or len(set(parameter.values)) <= 2
    return False


def _places(parameter, levels):
    """Where in `[0, 1]` the values of an ordered hyperparameter lie.

    By the numbers as they are sampled; the values of a choice in equal steps.
    """
    sampling = getattr(parameter, "sampling", None)
    numbers = np.array(levels, float)
    order = np.arange(len(levels), dtype=float)
    if sampling == "log":
        order = np.log(numbers)
    elif sampling == "reverse_log":
        order = -np.log(numbers.max() + numbers.min() - numbers)
    elif sampling == "linear":
        order = numbers
    order = order - order.min()
    return (order / order.max()) * (1 - 1 / len(levels)) + 0.5 / len(levels)
