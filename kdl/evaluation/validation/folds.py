"""Which examples a fold trains on, stops by and is tested on."""

import dataclasses
import hashlib
import operator
import reprlib

import numpy as np
from keras import tree
from sklearn.model_selection import TimeSeriesSplit

from kdl.checks import check_integer
from kdl.data import Splits
from kdl.data.on_disk import concatenate
from kdl.seeds import FOLDS, SPLITS, generator, integer
from kdl.tuning import CrossValidation
from kdl.tuning.cross_validation import check_alike
from kdl.tuning.cross_validation import rows as some_rows


@dataclasses.dataclass(frozen=True)
class Fold:
    """The rows of a fold, integer arrays.

    Attributes:
        train: What the weights are fitted to.
        validation: What decides when to stop: about a tenth of what is not tested.
        test: What the model has not seen.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def seen(self):
        """The rows that are not tested."""
        return np.sort(np.concatenate([self.train, self.validation]))


class Pool:
    """Training and validation examples of a recipe, to be cut into folds.

    The test set of the recipe stays out.

    Args:
        recipe: `kdl.recipes.Recipe`.

    Attributes:
        x: Inputs, as the source has them.
        y: Targets.
        labels: Integer array of the class of each example, or `None`.

    Raises:
        ValueError: If examples of the two have other shapes, as photographs have and
            the patches of them that are learned.
    """

    def __init__(self, recipe):
        self.splits = recipe.splits
        check_alike(*self.splits[:2])
        self.x, self.y = (
            tree.map_structure(lambda *parts: concatenate(parts), *sides)
            for sides in zip(*self.splits[:2], strict=True)
        )
        first = tree.flatten(self.y)[0]
        is_class = recipe.scores_classes and are_classes(first)
        self.labels = np.asarray(first) if is_class else None

    def __len__(self):
        return len(tree.flatten(self.y)[0])

    def of(self, fold):
        """Returns the `kdl.data.Splits` of a `Fold`."""
        parts = (self.part(rows) for rows in (fold.train, fold.validation, fold.test))
        return Splits(*parts, self.splits.classes)

    def part(self, rows):
        """Returns inputs and targets of some rows."""
        return some_rows((self.x, self.y), rows)


def make_folds(pool, cv, groups, overlap, seed):
    """Returns a list of `Fold`s.

    Args:
        pool: `Pool`.
        cv: As of `cross_validate`.
        groups: As of `cross_validate`.
        overlap: Optional integer, that of the recipe.
        seed: Integer. Draws the folds, and what is held out of each to stop by.

    Raises:
        ValueError: If they cannot be made.
    """
    count = len(pool)
    if groups is not None and overlap is not None:
        raise ValueError(
            "The examples of this recipe follow each other: leave `groups` out."
        )
    if groups is not None:
        groups = np.asarray(groups)
        if groups.shape != (count,):
            raise ValueError(
                f"`groups` must have a label for each of the {count} training and "
                f"validation examples. Received: shape {groups.shape}"
            )
    pairs = list(_pairs(pool, cv, groups, overlap, seed))
    if len(pairs) < 1:
        raise ValueError("`cv` must make one fold at least. Received: none")
    folds = []
    for number, (seen, test) in enumerate(pairs):
        seen, test = (
            _rows(number, name, rows, count)
            for name, rows in (("training", seen), ("test", test))
        )
        if np.intersect1d(seen, test).size:
            raise ValueError(f"Fold {number} trains on examples that it is tested on.")
        _check_classes(number, pool, seen)
        if overlap is not None:
            _check_apart(number, seen, test, overlap)
        rest, held_out = _held_out(number, pool, seen, groups, overlap, seed)
        folds.append(Fold(rest, held_out, test))
    return folds


def are_classes(targets):
    """Whether targets are one class an example."""
    return len(np.shape(targets)) == 1 and np.dtype(targets.dtype).kind in "iub"


def digest(folds):
    """Returns a digest of the rows of folds, by which others are known as others."""
    rows = hashlib.sha256()
    for fold in folds:
        for part in dataclasses.astuple(fold):
            rows.update(np.asarray(part, "<i8").tobytes() + b"|")
    return rows.hexdigest()[:16]


def _pairs(pool, cv, groups, overlap, seed):
    """Yields the rows that a fold may see, and those that it is tested on."""
    rows = np.zeros(len(pool))
    targets = rows if pool.labels is None else pool.labels
    if hasattr(cv, "get_n_splits"):
        yield from cv.split(rows, targets, groups)
        return
    if not isinstance(cv, CrossValidation):
        try:
            number = operator.index(cv)
        except TypeError:
            yield from _given(cv)
            return
        check_integer("cv", number, "[2, inf)")
        if overlap is not None:
            yield from _following(len(pool), number, overlap)
            return
        cv = CrossValidation(number, seed=integer(seed, FOLDS))
    if overlap is not None:
        raise ValueError(
            "The examples of this recipe follow each other, so that folds at random "
            "would test on what is beside the training examples. Give `cv` a number: "
            "each fold is then tested on what follows its training examples."
        )
    yield from cv.split(pool.labels if pool.labels is not None else rows, groups)


def _following(count, number, overlap):
    """Yields folds that are tested on what follows, without what they share."""
    try:
        yield from TimeSeriesSplit(number, gap=overlap).split(np.zeros(count))
    except ValueError:
        raise ValueError(
            f"There are {count} examples, of which up to {overlap} before and after "
            f"one share a part with it: too few for {number} folds. Ask for fewer."
        ) from None


def _given(cv):
    """Returns pairs of rows that are given one by one."""
    try:
        return [(seen, test) for seen, test in cv]
    except (TypeError, ValueError):
        raise ValueError(
            "`cv` must be a number of folds, a kdl.tuning.CrossValidation, a splitter "
            "of sklearn.model_selection, or pairs of training and test rows. Received: "
            f"cv={reprlib.repr(cv)}"
        ) from None


def _rows(number, name, rows, count):
    """Returns rows of a fold, provided there are such examples."""
    rows = np.asarray(rows)
    if rows.dtype == bool:
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not rows.size:
        raise ValueError(
            f"Fold {number} must have {name} rows, one or more integers. Received: "
            f"{rows.dtype} of shape {rows.shape}"
        )
    if rows.min() < 0 or rows.max() >= count:
        raise ValueError(
            f"Fold {number} must have {name} rows in [0, {count}), which are the "
            "training and validation examples. Received: "
            f"{rows[(rows < 0) | (rows >= count)][0]}"
        )
    return rows


def _check_classes(number, pool, seen):
    if pool.labels is None:
        return
    missing = np.setdiff1d(pool.labels, pool.labels[seen])
    if missing.size:
        names = pool.splits.classes
        name = missing[0].item() if names is None else names[missing[0]]
        raise ValueError(
            f"Fold {number} has no training example of class {name!r}. Ask for fewer "
            "folds, or for stratified ones."
        )


def _check_apart(number, seen, test, overlap):
    """Refuses training examples that share a part with those that are tested."""
    places = np.searchsorted(np.sort(test), seen)
    ends = np.r_[-np.inf, np.sort(test), np.inf]
    distance = np.minimum(seen - ends[places], ends[places + 1] - seen)
    if distance.min() <= overlap:
        raise ValueError(
            f"Fold {number} trains on examples that share a part with those that it is "
            f"tested on: {overlap} before and after one do. Give `cv` a number, or a "
            f"splitter that leaves them out, as TimeSeriesSplit(gap={overlap}) does."
        )


def _held_out(number, pool, seen, groups, overlap, seed):
    """Returns what a fold trains on, and about a tenth of its rows to stop by."""
    if len(seen) < 2:
        raise ValueError(
            f"Fold {number} has {len(seen)} example to train on and to stop by. It "
            "needs two at least."
        )
    tenth = max(1, round(len(seen) / 10))
    if overlap is not None:
        rest = len(seen) - tenth
        return seen[: max(1, rest - overlap)], seen[rest:]
    rng = generator(seed, SPLITS, number)
    if groups is not None:
        return _held_out_groups(pool, seen, groups[seen], tenth, rng)
    if pool.labels is None:
        order = rng.permutation(seen)
        return order[tenth:], order[:tenth]
    held_out = []
    for label in np.unique(pool.labels[seen]):
        rows = rng.permutation(seen[pool.labels[seen] == label])
        # The only example of a class is one to learn from.
        held_out.append(rows[: max(len(rows) > 1, round(len(rows) / 10))])
    held_out = np.concatenate(held_out)
    if not held_out.size:
        held_out = rng.permutation(seen)[:tenth]
    return rng.permutation(np.setdiff1d(seen, held_out)), rng.permutation(held_out)


def _held_out_groups(pool, seen, groups, tenth, rng):
    """Holds out whole groups, about a tenth of the rows, of which classes remain."""
    held_out = np.zeros(len(seen), bool)
    for name in rng.permutation(np.unique(groups)):
        more = held_out | (groups == name)
        # A large group, or the last with a class, is one to learn from.
        is_small = more.sum() <= max(2 * tenth, 1)
        if is_small and _has_classes(pool, seen, seen[~more]):
            held_out = more
        if held_out.sum() >= tenth:
            break
    if not held_out.any():
        raise ValueError(
            "No group of training examples can be held out to stop by: each is more "
            "than a fifth of them, or the only one with a class. Ask for fewer folds, "
            "or give finer `groups`."
        )
    return rng.permutation(seen[~held_out]), rng.permutation(seen[held_out])


def _has_classes(pool, seen, rest):
    """Whether some rows have all the classes of others, and there are any."""
    if pool.labels is None:
        return len(rest) > 0
    return np.isin(pool.labels[seen], pool.labels[rest]).all()
