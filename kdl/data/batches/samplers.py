"""Which examples an epoch holds, and in which order."""

import numpy as np

from kdl.checks import check_integer, check_weights


class Shuffled:
    """Draws different examples, all alike.

    Args:
        examples: Integer in `[1, inf)`. Number of examples there are.

    Attributes:
        option: Name of the argument of `Batches` that chooses the examples, or `None`.
        count: Integer. How many examples an epoch draws if the user does not say.
        interval: String. How many it can draw, in interval notation.
        fills: Boolean. Whether all batches are full.
    """

    option, fills = None, False

    def __init__(self, examples):
        self.count, self.interval = examples, f"[1, {examples}]"

    def rows(self, count, rng):
        """Draws the examples of an epoch.

        Args:
            count: Integer. How many. Where all batches are full, it is rounded up.
            rng: `numpy.random.Generator`, or `None` for the same order each time.

        Returns:
            Integer array of rows.
        """
        rows = np.arange(self.count)
        return (rows if rng is None else rng.permutation(rows))[:count]


class Weighted:
    """Draws examples with probabilities in proportion to weights.

    Args:
        weights: Array of shape `(examples,)`, as the user gave it.
        examples: Integer in `[1, inf)`. Number of examples there are.
        replacement: Boolean. Whether an example may come several times.
    """

    option, fills = "weights", False

    def __init__(self, weights, examples, replacement):
        self.weights = check_weights("weights", weights, examples)
        self.replacement = replacement
        self.count, self.interval = examples, "[1, inf)"
        if not replacement:
            # Those of weight 0 are never drawn.
            self.count = int(np.count_nonzero(self.weights))
            self.interval = f"[1, {self.count}]"

    def rows(self, count, rng):
        return (
            self._repeated(count, rng) if self.replacement else self._once(count, rng)
        )

    def _repeated(self, count, rng):
        """By systematic resampling: marks at equal distances on a line of weights."""
        order, begin = np.arange(len(self.weights)), 0.5
        if rng is not None:
            order, begin = rng.permutation(order), rng.random()
        # Of the largest, so that the sum of no weights overflows.
        ends = np.cumsum(self.weights[order] / self.weights.max())
        marks = (np.arange(count) + begin) * (ends[-1] / count)
        # Rounding may put the last mark at the end of the line.
        last = np.searchsorted(ends, ends[-1])
        places = np.minimum(np.searchsorted(ends, marks, side="right"), last)
        rows = order[places]
        return rows if rng is None else rng.permutation(rows)

    def _once(self, count, rng):
        """By the keys of Efraimidis and Spirakis, as logarithms of waiting times."""
        times = 1.0 if rng is None else rng.exponential(size=len(self.weights))
        with np.errstate(divide="ignore"):
            keys = np.log(times) - np.log(self.weights)
        return np.argsort(keys, kind="stable")[:count]


class Balanced:
    """Draws all classes equally often, in each batch as nearly as can be.

    Args:
        y: Integer array of shape `(examples,)` or `(examples, 1)`. Classes.
        size: Integer in `[1, inf)`. Examples of a batch.
    """

    option, fills, interval = "balance", True, "[1, inf)"

    def __init__(self, y, size):
        self.size = size
        self._rows_of = _rows_by_class(y, self.option)
        self.count = len(y)

    def rows(self, count, rng):
        batches, classes = -(-count // self.size), len(self._rows_of)
        often, more = divmod(self.size, classes)
        labels = np.tile(np.repeat(np.arange(classes), often), (batches, 1))
        if more:
            others = _in_turn(classes, batches, more, rng).reshape(batches, more)
            labels = np.concatenate([labels, others], axis=1)
        labels = np.sort(labels) if rng is None else rng.permuted(labels, axis=1)
        labels = labels.ravel()
        rows = np.empty(len(labels), int)
        for label, own in enumerate(self._rows_of):
            places = np.flatnonzero(labels == label)
            rows[places] = own[_in_turn(len(own), len(places), 1, rng)]
        return rows


class ClassesAndExamples:
    """Draws batches that hold so many examples of each of so many classes.

    Args:
        y: Integer array of shape `(examples,)` or `(examples, 1)`. Classes.
        classes: Integer in `[1, classes]`. Classes of a batch.
        examples: Integer in `[1, inf)`. Examples of a class in a batch.

    Raises:
        ValueError: If an argument is not as described.
    """

    option, fills, interval = "classes_per_batch", True, "[1, inf)"

    def __init__(self, y, classes, examples):
        if classes is None or examples is None:
            raise ValueError(
                "`classes_per_batch` and `examples_per_class` must be given both, or "
                f"neither. Received: classes_per_batch={classes!r}, "
                f"examples_per_class={examples!r}"
            )
        self.classes = check_integer("classes_per_batch", classes, "[1, inf)")
        self.examples = check_integer("examples_per_class", examples, "[1, inf)")
        self.size = self.classes * self.examples
        self._rows_of = _rows_by_class(y, self.option)
        self.count = len(y)
        if self.classes > len(self._rows_of):
            raise ValueError(
                f"`classes_per_batch` must be at most {len(self._rows_of)}, the number "
                f"of classes in `y`. Received: classes_per_batch={classes}"
            )

    def rows(self, count, rng):
        batches = -(-count // self.size)
        drawn = _in_turn(len(self._rows_of), batches, self.classes, rng)
        rows = np.empty((len(drawn), self.examples), int)
        for label, own in enumerate(self._rows_of):
            places = np.flatnonzero(drawn == label)
            chosen = _in_turn(len(own), len(places), self.examples, rng)
            rows[places] = own[chosen].reshape(-1, self.examples)
        return rows.ravel()


def _rows_by_class(y, option):
    """Returns the rows of each class, a list of integer arrays.

    Args:
        y: Integer array of shape `(examples,)` or `(examples, 1)`.
        option: String. The argument that needs them.

    Raises:
        ValueError: If `y` is anything else.
    """
    is_labels = isinstance(y, np.ndarray) and y.dtype.kind in "iu"
    if not is_labels or y.shape not in ((len(y),), (len(y), 1)):
        kind = type(y).__name__
        if hasattr(y, "shape"):
            kind += f" of {y.dtype} {y.shape}"
        raise ValueError(
            "`y` must be an array of integers of shape (examples,) or (examples, 1), "
            f"the class of each example, for `{option}`. Received: {kind}"
        )
    _, labels, counts = np.unique(y.ravel(), return_inverse=True, return_counts=True)
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(counts)[:-1])


def _in_turn(count, groups, size, rng):
    """Numbers below `count`, each as often as the others, in groups of different ones.

    Round by round, each number comes once. Where a round begins within a group, those
    that the group has least often come first. So no group has a number twice, unless
    it is larger than a round.

    Args:
        count: Integer in `[1, inf)`.
        groups: Integer in `[0, inf)`.
        size: Integer in `[1, inf)`. Numbers of a group.
        rng: `numpy.random.Generator` that draws each round, or `None` for their order.

    Returns:
        Integer array of shape `(groups * size,)`.
    """
    rounds = -(-groups * size // count)
    numbers = np.empty(rounds * count, int)
    for start in range(0, len(numbers), count):
        order = np.arange(count) if rng is None else rng.permutation(count)
        if begun := start % size:
            there = np.bincount(numbers[start - begun : start], minlength=count)
            rarest = order[np.argsort(there[order], kind="stable")]
            first = rarest[: size - begun]
            order = np.r_[first, order[~np.isin(order, first)]]
        numbers[start : start + count] = order
    return numbers[: groups * size]
