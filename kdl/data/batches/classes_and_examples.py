"""Batches of so many classes, and so many examples of each."""

import numpy as np

from kdl.checks import check_integer


class ClassesAndExamples:
    """Draws the examples of batches that hold so many of each of so many classes.

    Args:
        y: Integer array of shape `(examples,)`. Classes.
        classes: Integer in `[1, classes]`. Classes of a batch.
        examples: Integer in `[1, inf)`. Examples of a class in a batch.

    Raises:
        ValueError: If an argument is not as described.
    """

    def __init__(self, y, classes, examples):
        if classes is None or examples is None:
            raise ValueError(
                "`classes_per_batch` and `examples_per_class` must be given both, or "
                f"neither. Received: classes_per_batch={classes!r}, "
                f"examples_per_class={examples!r}"
            )
        self.classes = check_integer("classes_per_batch", classes, "[1, inf)")
        self.examples = check_integer("examples_per_class", examples, "[1, inf)")
        is_labels = isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "iu"
        if not is_labels:
            kind = type(y).__name__
            if hasattr(y, "shape"):
                kind += f" of {y.dtype} {y.shape}"
            raise ValueError(
                "`y` must be an array of integers of shape (examples,), the class of "
                f"each example, for `classes_per_batch`. Received: {kind}"
            )
        _, labels, counts = np.unique(y, return_inverse=True, return_counts=True)
        if self.classes > len(counts):
            raise ValueError(
                f"`classes_per_batch` must be at most {len(counts)}, the number of "
                f"classes in `y`. Received: classes_per_batch={classes}"
            )
        order = np.argsort(labels, kind="stable")
        self._rows_of = np.split(order, np.cumsum(counts)[:-1])

    def rows(self, batches, rng):
        """Draws the examples of an epoch.

        Args:
            batches: Integer. How many batches the epoch has.
            rng: `numpy.random.Generator`, or `None` for classes and examples in their
                order.

        Returns:
            Integer array of `batches * classes * examples` rows, batch by batch, and
            in a batch class by class.
        """
        drawn = _in_turn(len(self._rows_of), batches, self.classes, rng)
        rows = np.empty((len(drawn), self.examples), int)
        for label, own in enumerate(self._rows_of):
            places = np.flatnonzero(drawn == label)
            chosen = _in_turn(len(own), len(places), self.examples, rng)
            rows[places] = own[chosen].reshape(-1, self.examples)
        return rows.ravel()


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
