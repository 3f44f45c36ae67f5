"""Training sets that are drawn from one."""

import numpy as np
from keras import tree

from kdl.data import Splits
from kdl.evaluation.validation.folds import are_classes
from kdl.recipes.own.named import on
from kdl.seeds import BOOTSTRAP, generator
from kdl.tuning.cross_validation import rows as some_rows

_DRAWS = 100


def resampled(recipe, seed):
    """Returns a recipe whose training set is a bootstrap sample of another's.

    As many examples are drawn from the training set, with replacement; about 63 in a
    hundred of them are there, some several times. Validation and test set stay.

    Args:
        recipe: `kdl.recipes.Recipe`.
        seed: Integer in `[0, 2**32)`. Draws the sample, anew until it has all classes.

    Raises:
        ValueError: If the examples follow each other, or if a class is so rare that no
            sample has it.
    """
    check_independent(recipe)
    train, validation, test = splits = recipe.splits
    targets = np.asarray(tree.flatten(train[1])[0])
    is_class = are_classes(targets)
    for draw in range(_DRAWS):
        rng = generator(seed, BOOTSTRAP, draw)
        rows = rng.integers(len(targets), size=len(targets))
        if not is_class or len(np.unique(targets[rows])) == len(np.unique(targets)):
            break
    else:
        raise ValueError(
            "A class has so few training examples that samples lack it. Merge it with "
            "another, or leave it out."
        )
    train = some_rows(train, rows)
    return on(recipe, Splits(train, validation, test, splits.classes, splits.drawn))


def check_independent(recipe):
    """Refuses a recipe whose examples cannot be drawn one by one."""
    if recipe.overlap is not None:
        raise ValueError(
            f"The examples of the recipe {recipe.name!r} follow each other: samples of "
            "them would have windows that share steps."
        )
