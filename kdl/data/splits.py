"""Training, validation and test data."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy as np
from keras import tree

from kdl.checks import check_boolean
from kdl.data.on_disk import OnDisk, concatenate
from kdl.data.summary import summarize
from kdl.seeds import SPLITS, generator


class _Parts(NamedTuple):
    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    test: tuple[Any, Any]


class Splits(_Parts):
    """Data in three parts, each a tuple `(x, y)` of arrays.

    It unpacks as `(x, y), (x_val, y_val), (x_test, y_test) = splits`.

    Args:
        train: What the weights are fitted to.
        validation: What decides when to stop and which trial is best.
        test: What is looked at once, at the end.
        classes: Optional sequence of strings. Names of the classes that integer targets
            are, by target. Defaults to `None`, for numbers or what is no class.
        drawn: Boolean. Whether the test set was drawn at random from examples that came
            without one. Defaults to `False`.

    Example:

    >>> parts = (x[50:], y[50:]), (x[25:50], y[25:50]), (x[:25], y[:25])
    >>> splits = kdl.data.Splits(*parts)
    >>> recipe = kdl.recipes.Images(splits)
    >>> splits.summary()["parts"]["test"]["examples"]
    25
    """

    drawn: bool
    classes: list[str] | None

    def __new__(
        cls,
        train: tuple[Any, Any],
        validation: tuple[Any, Any],
        test: tuple[Any, Any],
        classes: Iterable[str] | None = None,
        drawn: bool = False,
    ) -> Self:
        splits = super().__new__(cls, train, validation, test)
        splits.drawn = check_boolean("drawn", drawn)
        splits.classes = None if classes is None else [str(name) for name in classes]
        return splits

    def tested_whole(self) -> "Splits":
        """Returns splits to evaluate a model on that has learned from others.

        The test set is all examples, unless they came with one.
        """
        if not self.drawn:
            return self
        x, y = (
            tree.map_structure(lambda *parts: concatenate(parts), *sides)
            for sides in zip(*self, strict=True)
        )
        return Splits(self.train, self.validation, (x, y), self.classes)

    def summary(self) -> dict[str, Any]:
        """Returns what the data are, and what may be wrong with them, a dict of JSON.

        Its keys are

        - `"parts"`: by name, how many `"examples"` a part has, and how many of each
          class, `"classes"`, if targets are classes;
        - `"inputs"` and `"targets"`: `"shape"` of an example, `None` for a side that
          differs, and `"dtype"`; of a column of a table, `"kind"`, how many values
          are `"missing"`, and of a category how many `"values"` differ; or a dict or
          list of such;
        - `"files"`, of images on disk: the `"folder"`, how many `"files"` it has and
          how many were `"examined"`, how often these have which `"sizes"` and
          `"channels"`, and the `"damaged"` ones that were left out, by path with the
          reason; otherwise `None`;
        - `"duplicates"`: pairs of parts, with how many inputs of the second are, byte
          by byte, in the first: `{"train, test": 3}`; `None` if there is too much to
          compare, more than 256 MiB of arrays, 20,000 files or 1 GiB of these;
        - `"shift"`: how well a small classifier tells validation inputs from training
          inputs, as `kdl.data.two_sample_test` returns it; `None` for inputs that it
          does not take, or fewer than 20;
        - `"warnings"`: sentences on classes of very different sizes, classes that a
          part lacks, inputs that are in two parts, a validation set that is not like
          the training set, and very large images.
        """
        return summarize(self)


def hold_out(x, y, share, seed):
    """Splits `(x, y)` at random into the rest and a stratified `share` of it.

    Args:
        x: Array of shape `(examples, ...)`.
        y: Integer array of shape `(examples,)`. Labels; their proportions are the
            same in both parts.
        share: Float in `(0, 1)`. Share of the examples in the second part.
        seed: Integer in `[0, 2**32)`. Same seed, same parts.

    Returns:
        Tuple `((x, y), (x_held_out, y_held_out))`.
    """
    # Here, since it takes longer to import than all of kdl.
    from sklearn.model_selection import train_test_split

    x, x_held_out, y, y_held_out = train_test_split(
        x, y, test_size=share, random_state=seed, stratify=y
    )
    return (x, y), (x_held_out, y_held_out)


def hold_out_each(labels, count, seed):
    """Draws a tenth of each class, at least one example of it, `count` times.

    Args:
        labels: Integer array of shape `(examples,)`. Each class has more than `count`
            examples.
        count: Integer in `[0, inf)`.
        seed: Integer in `[0, 2**32)`. Same seed, same parts.

    Returns:
        List of `1 + count` integer arrays, first the rows that remain, then those held
        out, each in a random order.
    """
    rng = generator(seed, SPLITS)
    parts = [[] for _ in range(1 + count)]
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        tenth = max(1, round(len(rows) / 10))
        ends = tenth * np.arange(count, -1, -1)
        cut = np.split(rows, len(rows) - ends[:-1])
        for part, some in zip(parts, cut, strict=True):
            part.append(some)
    return [rng.permutation(np.concatenate(part)) for part in parts]


def all_parts(rows, labels, seed):
    """Returns the rows of each part, of which those that are missing are drawn.

    Args:
        rows: Dict of integer arrays: the rows of `"train"`, and maybe those of
            `"validation"` and `"test"`.
        labels: Integer array. The class of each row, of which a tenth goes to each part
            that is missing.
        seed: Integer in `[0, 2**32)`. Draws these, and the order of all.

    Returns:
        Tuple of such a dict of all three parts, and the names of those that were drawn.
    """
    missing = [part for part in ("test", "validation") if part not in rows]
    train, *held_out = hold_out_each(labels[rows["train"]], len(missing), seed)
    drawn = {
        part: rows["train"][places]
        for part, places in zip(missing, held_out, strict=True)
    }
    rows = {**rows, "train": rows["train"][train], **drawn}
    for place, part in enumerate(("validation", "test")):
        if part not in drawn:
            # Not class by class, so that some of them are of all classes.
            rows[part] = generator(seed, SPLITS, place).permutation(rows[part])
    return rows, missing


def listed(missing):
    """Returns for what a training set is split, as a text.

    Args:
        missing: Sequence of strings. The parts that are drawn from it.
    """
    parts = [part for part in ("validation", "test") if part in missing]
    return " and ".join([", ".join(["training", *parts[:-1]]), *parts[-1:]])


def split_in_three(x, y, groups, rng):
    """Splits `(x, y)` at random into 80, 10 and 10 in a hundred.

    Args:
        x: Array of shape `(examples, ...)`.
        y: Array of shape `(examples, ...)`.
        groups: Integer array of shape `(examples,)`. Examples of one group stay
            together, of at least three groups. A part begins where one ends, and has
            at least one.
        rng: `numpy.random.Generator`.

    Returns:
        `Splits`, each part in a random order.
    """
    _, groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    ends = np.cumsum(sizes[order])
    first = np.searchsorted(ends, 8 * len(x) / 10) + 1
    second = np.searchsorted(ends, 9 * len(x) / 10) + 1
    first = min(first, len(sizes) - 2)
    second = min(max(second, first + 1), len(sizes) - 1)
    part_of = np.empty(len(sizes), int)
    part_of[order] = np.repeat([0, 1, 2], [first, second - first, len(sizes) - second])
    rows = rng.permutation(len(x))
    parts = [rows[part_of[groups[rows]] == part] for part in range(3)]
    return Splits(*((x[part], y[part]) for part in parts))


def labelled_images(splits: Splits) -> Splits:
    """Returns `splits`, provided they hold images with one label each.

    Args:
        splits: `kdl.data.Splits`.

    Raises:
        ValueError: If the inputs of a part are not of four dimensions, or if its
            labels are not integers of 0 or more, or if a part is empty.
    """
    for x, y in splits:
        x, y = (
            part if isinstance(part, OnDisk) else np.asarray(part) for part in (x, y)
        )
        integers = y.ndim == 1 and np.issubdtype(y.dtype, np.integer)
        if x.ndim != 4 or not integers or not len(y) or y.min() < 0:
            raise ValueError(
                "`source` must hold images of shape (examples, height, width, "
                "channels), one or more in each part, and one label each, an integer "
                "of 0 or more. "
                f"Received: {x.dtype} {x.shape} and {y.dtype} {y.shape}"
            )
    return splits
