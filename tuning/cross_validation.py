"""Cross-validated scores."""

import keras
import numpy as np
from numpy.typing import ArrayLike
from sklearn import model_selection

from kdl.checks import check_boolean, check_integer, check_optional
from kdl.data.on_disk import concatenate, take
from kdl.seeds import FOLDS, integer


class CrossValidation:
    """Has a tuner train each trial several times, on parts of the data.

    Given to a tuner as `folds`, it takes the place of `validation_data`: what `search`
    gets as `x` and `y`, and as `validation_data` too, is put together and split into
    parts; each is validated on once, by a model trained on the others. The score of a
    trial is the mean, and its standard error is known to the search, which takes it
    for noise.

    Args:
        folds: Integer in `[2, inf)`. Number of parts. Defaults to `5`.
        repeats: Integer in `[1, 1000]`. How often to split anew. Defaults to `1`.
        stratified: Optional boolean. Whether the parts have equal shares of the
            classes. Defaults to `None`: if `y` is a column of integers.
        seed: Integer in `[0, inf)`. Of the splits, which are those of all trials.
            Defaults to `0`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> recipe = kdl.recipes.Images()
    >>> tuner = kdl.tuning.BayesianOptimization(
    ...     recipe, recipe.objective, folds=kdl.tuning.CrossValidation(3, repeats=2),
    ...     directory=folder,
    ... )
    """

    def __init__(
        self,
        folds: int = 5,
        repeats: int = 1,
        stratified: bool | None = None,
        seed: int = 0,
    ) -> None:
        self.folds = check_integer("folds", folds, "[2, inf)")
        self.repeats = check_integer("repeats", repeats, "[1, 1000]")
        self.stratified = check_optional(check_boolean, "stratified", stratified)
        self.seed = check_integer("seed", seed, "[0, inf)")

    def split(
        self, y: ArrayLike, groups: ArrayLike | None = None
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns the rows to train on and to validate on, for each fold.

        Args:
            y: Array of targets.
            groups: Optional array of as many labels. Rows of one label, such as
                pictures of one person, are in one part.

        Returns:
            List of tuples of arrays of integers.

        Raises:
            ValueError: If there are fewer examples, also of a class, or fewer groups,
                than folds.
        """
        labels = np.asarray(y)
        if labels.ndim == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        if len(labels) < self.folds:
            raise ValueError(
                f"There are {len(labels)} examples, too few for {self.folds} folds. "
                "Ask for fewer."
            )
        stratified = self.stratified
        if stratified is None:
            stratified = labels.ndim == 1 and labels.dtype.kind in "iub"
        if stratified:
            self._check_classes(labels)
        if groups is not None and len(np.unique(groups)) < self.folds:
            raise ValueError(
                f"There are {len(np.unique(groups))} groups, too few for "
                f"{self.folds} folds. Ask for fewer."
            )
        kind = {
            (False, False): model_selection.KFold,
            (True, False): model_selection.StratifiedKFold,
            (False, True): model_selection.GroupKFold,
            (True, True): model_selection.StratifiedGroupKFold,
        }[stratified, groups is not None]
        splits = []
        for repeat in range(self.repeats):
            state = integer(self.seed, FOLDS, repeat)
            splitter = kind(self.folds, shuffle=True, random_state=state)
            splits += splitter.split(np.zeros(len(labels)), labels, groups)
        return splits

    def _check_classes(self, labels):
        values, counts = np.unique(labels, return_counts=True)
        if counts.min() < self.folds:
            raise ValueError(
                f"Class {values[counts.argmin()]} has {counts.min()} examples, too few "
                f"for {self.folds} folds. Ask for fewer, or for stratified=False."
            )


class FoldedData:
    """Training and validation data together, split for each execution of a trial.

    Args:
        folds: `CrossValidation`.
        x: Array, or a nest of arrays, of the inputs.
        y: Array, or a nest of arrays, of the targets. The first one is split by.
        validation_data: Optional tuple `(x, y)` or `(x, y, sample_weight)`.
        sample_weight: Optional array.
        groups: Optional array of labels, as `CrossValidation.split` takes them.

    Raises:
        ValueError: If they are no arrays, or if they cannot be split.
    """

    def __init__(
        self, folds, x, y, validation_data=None, sample_weight=None, groups=None
    ):
        self._data = pooled(x, y, validation_data, sample_weight)
        first, *_ = keras.tree.flatten(self._data[1])
        self._splits = folds.split(first, groups)

    def of(self, execution):
        """Returns the data of an execution, as arguments of `fit`.

        Args:
            execution: Integer, from 0.
        """
        train, test = self._splits[execution]
        x, y, weight = (rows(part, train) for part in self._data)
        held_out = tuple(rows(part, test) for part in self._data)
        if weight is None:
            return {"x": x, "y": y, "validation_data": held_out[:2]}
        weighted = {"sample_weight": weight, "validation_data": held_out}
        return {"x": x, "y": y, **weighted}


def pooled(x, y, validation_data=None, sample_weight=None):
    """Returns `x`, `y` and weights of training and validation data together.

    Args:
        x: Array, or a nest of arrays, of the inputs.
        y: Array, or a nest of arrays, of the targets.
        validation_data: Optional tuple `(x, y)` or `(x, y, sample_weight)`.
        sample_weight: Optional array.

    Raises:
        ValueError: If they are no arrays, or their examples differ in shape.
    """
    parts = (x, y) if sample_weight is None else (x, y, sample_weight)
    if y is None or not all(
        hasattr(leaf, "__array__") for leaf in keras.tree.flatten(parts)
    ):
        raise ValueError(
            "Folds are made of arrays. Give `search` arrays as `x` and `y`, not a data "
            "set."
        )
    if validation_data is not None:
        check_alike(parts, tuple(validation_data))
        parts = keras.tree.map_structure(
            lambda *arrays: concatenate(arrays), parts, tuple(validation_data)
        )
    x, y, *weight = parts
    return x, y, (weight[0] if weight else None)


def check_alike(train, validation):
    """Refuses training and validation examples that cannot be put together.

    Photographs, for one, and the patches of them that are learned.

    Args:
        train: Nest of arrays.
        validation: The same of the validation set.

    Raises:
        ValueError: If examples differ in shape.
    """
    for parts in zip(*map(keras.tree.flatten, (train, validation)), strict=True):
        one, other = (tuple(getattr(part, "shape", ())[1:]) for part in parts)
        if one != other:
            raise ValueError(
                "Folds are cut from training and validation examples together, which "
                f"must have one shape. Received: {one} and {other}"
            )


def rows(nest, which):
    """Returns some rows of an array, of a nest of arrays, or `None` of `None`."""
    if nest is None:
        return None
    return keras.tree.map_structure(lambda array: take(array, which), nest)
