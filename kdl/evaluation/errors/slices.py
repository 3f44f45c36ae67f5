"""Groups of examples on which a model errs more than on others."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.tree import DecisionTreeRegressor

from kdl.checks import check_integer
from kdl.seeds import FOLDS, generator

_LEAST = 10  # Examples of a slice, in each half.
LEAST = 4 * _LEAST  # Examples that slices are looked for in.
_SHARE = 0.02  # Of all examples that a slice has at least.
_GAIN = 0.01  # Of the variance of the errors, that a condition explains at least.


@dataclasses.dataclass(frozen=True)
class Slice:
    """Examples that are alike, and the mean of their errors.

    Attributes:
        rule: String. What they have in common, such as `"brightness > 0.62"`.
        rows: Integer array of the examples, of both halves.
        count: Integer. Number of examples that `error` is the mean of.
        error: Float. Mean error of these, which had no part in finding the slice.
        rest: Float. Mean error of the other examples of that half.
        low: Float. Lower end of a 95 % interval for `error - rest`.
        high: Float. Its upper end.
    """

    rule: str
    rows: np.ndarray
    count: int
    error: float
    rest: float
    low: float
    high: float


def slices(
    features: Mapping[str, ArrayLike], errors: ArrayLike, depth: int = 2, seed: int = 0
) -> list[Slice]:
    """Finds groups of examples on which a model errs more than on the others.

    A shallow decision tree is fitted to the errors of one half of the examples; what
    its leaves come to is measured on the other half, so that few slices are by
    chance.
    Each leaf is a slice, said by its rule.

    Args:
        features: Dict of arrays of shape `(examples,)` by name, what is known of each
            example: numbers, or categories as strings. NaN is a value of its own.
        errors: Array of shape `(examples,)`, such as 1 where the prediction is wrong,
            or the loss.
        depth: Integer in `[1, 5]`. Conditions of a rule, at most. Defaults to `2`.
        seed: Integer in `[0, 2**32)`. Draws the halves. Defaults to `0`.

    Returns:
        List of `Slice`s whose interval is above 0, the one with the largest excess of
        errors first; it may be empty.

    Raises:
        ValueError: If there are no features, or if one has other numbers of rows.

    Example:

    >>> dark = np.arange(200) < 50
    >>> (found,) = kdl.evaluation.slices(
    ...     {"brightness": np.where(dark, 0.1, 0.8)}, dark.astype("float32")
    ... )
    >>> found.rule, float(found.error), float(found.rest)
    ('brightness <= 0.45', 1.0, 0.0)
    """
    check_integer("depth", depth, "[1, 5]")
    errors = np.asarray(errors, "float64")
    if not features:
        raise ValueError("`features` must be a dict of arrays, one or more.")
    for name, values in features.items():
        if np.shape(values) != errors.shape:
            raise ValueError(
                f"`features` must have a value for each of the {len(errors)} errors. "
                f"Received: {name!r} of shape {np.shape(values)}"
            )
    if not np.isfinite(errors).all():
        bad = int(np.argmin(np.isfinite(errors)))
        raise ValueError(
            f"`errors` must be finite numbers. Received: {errors[bad]} in row {bad}"
        )
    columns = _columns(features)
    order = generator(seed, FOLDS).permutation(len(errors))
    half = len(errors) // 2
    leaf = max(_LEAST, round(_SHARE * half))
    if half < 2 * leaf:
        return []
    first, second = order[:half], order[half:]
    x = np.stack([column.values for column in columns], axis=1)
    tree = DecisionTreeRegressor(
        max_depth=depth,
        min_samples_leaf=leaf,
        # A condition has to tell something.
        min_impurity_decrease=_GAIN * errors[first].var(),
        random_state=0,
    ).fit(x[first], errors[first])
    leaves = tree.apply(x)
    found = []
    for node, rule in _rules(tree.tree_, columns):
        if not rule:
            continue
        own = second[leaves[second] == node]
        others = second[leaves[second] != node]
        if len(own) < _LEAST or len(others) < _LEAST:
            continue
        low, high = _interval(errors[own], errors[others])
        if low > 0:
            found.append(
                Slice(
                    rule,
                    np.flatnonzero(leaves == node),
                    len(own),
                    float(errors[own].mean()),
                    float(errors[others].mean()),
                    low,
                    high,
                )
            )
    return sorted(found, key=lambda each: -each.count * (each.error - each.rest))


@dataclasses.dataclass
class _Column:
    """Numbers that a tree splits by, and what is said of either side."""

    name: str
    values: np.ndarray
    category: str | None = None

    def side(self, threshold, is_left, is_known):
        """Says what is on a side of a threshold.

        Args:
            threshold: Float.
            is_left: Boolean. Whether it is the side below.
            is_known: Boolean. Whether no number there is missing, by what was said.
        """
        if self.category is not None:
            return f"{self.name} is{' not' if is_left else ''} {self.category}"
        if threshold < _MISSING / 2:
            return f"{self.name} is{'' if is_left else ' not'} missing"
        if not is_left:
            return f"{self.name} > {threshold:.3g}"
        has_missing = not is_known and self.values.min() == _MISSING
        return f"{self.name} <= {threshold:.3g}{' or missing' if has_missing else ''}"


# What stands for a number that is missing, far below all others.
_MISSING = -1e30


def _columns(features):
    columns = []
    for name, values in features.items():
        values = np.asarray(values)
        if values.dtype.kind in "biuf":
            numbers = values.astype("float64")
            # What is infinite is beyond all others, and not missing.
            known = np.clip(numbers, _MISSING / 10, -_MISSING / 10)
            known[np.isnan(numbers)] = _MISSING
            columns.append(_Column(name, known))
            continue
        values = values.astype(str)
        names, counts = np.unique(values, return_counts=True)
        # Rare ones are no slice by themselves.
        for category in names[np.argsort(-counts)][:30]:
            is_it = (values == category).astype("float64")
            columns.append(_Column(name, is_it, category or "empty"))
    return columns


def _rules(tree, columns):
    """Yields each leaf with its rule, without conditions that later ones imply."""

    def walk(node, conditions):
        if tree.children_left[node] == -1:
            yield node, " and ".join(conditions.values())
            return
        column, threshold = columns[tree.feature[node]], tree.threshold[node]
        for child, is_left in (
            (tree.children_left[node], True),
            (tree.children_right[node], False),
        ):
            key = tree.feature[node], is_left
            # The last condition of a side is the narrowest.
            is_known = (tree.feature[node], False) in conditions
            deeper = {**conditions, key: column.side(threshold, is_left, is_known)}
            yield from walk(child, deeper)

    yield from walk(0, {})


def _interval(own, others):
    """Welch's interval for the difference of two means."""
    if np.ptp(own) == np.ptp(others) == 0:
        difference = float(own.mean() - others.mean())
        return difference, difference
    test = stats.ttest_ind(own, others, equal_var=False)
    ends = test.confidence_interval(0.95)
    return float(ends.low), float(ends.high)
