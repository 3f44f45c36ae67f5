"""What more training examples are worth."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np
from keras import tree

from kdl.callbacks.log_values import Scalars
from kdl.checks import check_integer, check_number
from kdl.data import Splits
from kdl.evaluation.jobs import Jobs, check_options, check_recipe, chosen
from kdl.evaluation.validation.folds import are_classes
from kdl.recipes import Recipe
from kdl.recipes.own.named import on
from kdl.seeds import BOOTSTRAP, FIT, generator, integer
from kdl.tuning.cross_validation import rows as some_rows
from kdl.typing import StrPath, Values

_SAMPLES = 1  # Beside the draws of a bootstrap, which come under 0 and a number.


def learning_curve(
    recipe: Recipe,
    hp: Values | None = None,
    *,
    sizes: Sequence[float] = (0.125, 0.25, 0.5, 1.0),
    seeds: int = 1,
    epochs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    directory: StrPath | None = None,
    on_training_end: Callable[[int, dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """Trains a recipe on parts of its training set of several sizes, and tests it.

    A curve that still falls where it ends says that more data help; one that is flat
    says that a larger model, or better inputs, are needed. A smaller part is part of
    each larger one and has all classes. Where examples follow each other, as windows of
    a series do, a part is the last of them.

    Args:
        recipe: `kdl.recipes.Recipe`.
        hp: Optional `keras_tuner.HyperParameters`, or a dict of values by name.
            Defaults to `None`, the recipe's own.
        sizes: Sequence of floats in `(0, 1]`, increasing. Shares of the training set.
            Defaults to `(0.125, 0.25, 0.5, 1.0)`.
        seeds: Integer in `[1, inf)`. Trainings of each size, each on other parts.
            Defaults to `1`.
        epochs: Optional integer. Of a training. Defaults to `None`, those of the
            recipe. A smaller part makes fewer steps of an epoch, and early stopping
            ends it where it has learned what it can.
        seed: Integer in `[0, 2**32)`. Draws parts, weights and order. Defaults to `0`.
        workers: Optional integer in `[1, inf)`. How many train side by side, on Ray.
        directory: Optional string or `Path` of a folder where what is done is kept, so
            that the same call goes on after it was killed.
        on_training_end: Optional function that is called with the number of a training
            and the dict of its results when it ends, or was found done.

    Returns:
        Dict of `"examples"`, an integer array of shape `(sizes,)`, and arrays of shape
        `(sizes, seeds)`: `"test_NAME"` of each metric on the test set, and `"epochs"`.

    Raises:
        ValueError: If an argument is not as described, or if a part would have fewer
            examples than there are classes, or than two.
        ImportError: If `workers` are given and Ray is not installed.

    Example:

    >>> recipe = kdl.recipes.Tabular()
    >>> found = kdl.evaluation.learning_curve(recipe, sizes=(0.5, 1.0), epochs=1)
    >>> found["examples"].tolist()
    [138, 276]

    References:
        - [Hestness et al., 2017](https://arxiv.org/abs/1712.00409)
    """
    check_recipe(recipe)
    check_options(seed, epochs, workers)
    check_integer("seeds", seeds, "[1, inf)")
    sizes = [check_number("sizes", size, "(0, 1]") for size in sizes]
    if not sizes or sorted(set(sizes)) != sizes:
        raise ValueError(
            "`sizes` must be increasing shares of the training set, one or more. "
            f"Received: {sizes}"
        )
    hp = chosen(recipe, hp)
    targets = np.asarray(tree.flatten(recipe.splits.train[1])[0])
    counts = [max(1, round(size * len(targets))) for size in sizes]
    is_class = are_classes(targets)
    least = max(2, len(np.unique(targets))) if is_class else 2
    if counts[0] < least:
        raise ValueError(
            f"The smallest part must have {least} examples or more. Received: "
            f"sizes={sizes[0]} of {len(targets)}, {counts[0]}"
        )
    jobs = _Parts(
        *(recipe, hp, counts, seeds, seed),
        recipe.epochs if epochs is None else epochs,
        targets if is_class else None,
    )
    with jobs.kept(directory):
        rows = jobs.rows(workers, on_training_end)
    shape = len(counts), seeds
    scores = {
        name: np.reshape([row["scores"][name] for row in rows], shape)
        for name in rows[0]["scores"]
    }
    epochs = np.reshape([row["epochs"] for row in rows], shape)
    return {"examples": np.array(counts), "epochs": epochs, **scores}


@dataclasses.dataclass
class _Parts(Jobs):
    """Trainings on parts of the training set, several seeds each."""

    what = "training"
    all_ = "trainings"
    keeps_models = False

    recipe: Any
    hp: keras_tuner.HyperParameters
    counts: list
    seeds: int
    seed: int
    epochs: int
    labels: Any

    @property
    def count(self):
        return len(self.counts) * self.seeds

    def identity(self):
        return {
            "recipe": self.recipe.name,
            "hyperparameters": self.hp.values,
            "sizes": self.counts,
            "epochs": self.epochs,
            "seeds": self.seeds,
            "seed": self.seed,
        }

    def perform(self, number):
        size, place = divmod(number, self.seeds)
        rows = self._order(place)[: self.counts[size]]
        train, validation, test = splits = self.recipe.splits
        train = some_rows(train, rows)
        part = Splits(train, validation, test, splits.classes, splits.drawn)
        recipe = on(self.recipe, part)
        seed = integer(self.seed, FIT, 2, number)
        keras.utils.set_random_seed(seed)
        model, history = self.fit(recipe, self.hp, number, seed, self.epochs)
        scores = Scalars("learning_curve")(recipe.evaluate(model))
        return model, {
            "epochs": len(history.epoch),
            "scores": {f"test_{name}": score for name, score in scores.items()},
        }

    def _order(self, place):
        """The rows of the training set, of which a part takes the first."""
        count = len(tree.flatten(self.recipe.splits.train[1])[0])
        if self.recipe.overlap is not None:
            return np.arange(count)[::-1]
        rows = generator(self.seed, BOOTSTRAP, _SAMPLES, place).permutation(count)
        if self.labels is None:
            return rows
        # The first of each class come first.
        _, firsts = np.unique(self.labels[rows], return_index=True)
        return np.concatenate([rows[np.sort(firsts)], np.delete(rows, firsts)])
