"""Scores of a recipe on examples that its models have not seen."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kdl.checks import check_boolean
from kdl.evaluation.jobs import check_options, check_recipe, chosen
from kdl.evaluation.validation.fold_jobs import FoldJobs
from kdl.evaluation.validation.folds import Pool, make_folds
from kdl.recipes import Recipe
from kdl.typing import StrPath, Values


def cross_validate(
    recipe: Recipe,
    hp: Values | None = None,
    *,
    cv: Any = 5,
    groups: ArrayLike | None = None,
    scoring: Any = None,
    search: Callable[[Recipe, Path], Any] | None = None,
    epochs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    directory: StrPath | None = None,
    callbacks: Callable[[int], Sequence[keras.callbacks.Callback]] | None = None,
    on_fold_end: Callable[[int, dict[str, Any]], None] | None = None,
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
) -> dict[str, Any]:
    """Trains a recipe on several parts of the data, and tests each model on the rest.

    The training and the validation set of the recipe are put together and cut into
    folds; its test set stays out. Each fold has a fresh model, whose seed is of its
    own, and a fresh recipe, so that what is learned from the data besides weights,
    such as means and vocabularies, is learned from the training examples of the fold.
    About a tenth of these are held out of the training to decide when to stop: the
    examples that a fold is tested on decide nothing.

    With `search`, cross-validation is nested: the hyperparameters of each fold are
    those that a search over its training examples finds. The mean then says what the
    whole procedure, search included, is worth. The best score of the search itself is
    too good, since it is the best of many.

    Args:
        recipe: `kdl.recipes.Recipe`.
        hp: Optional `keras_tuner.HyperParameters`, or a dict of values by name.
            Defaults to `None`, the recipe's own.
        cv: How to cut the data: an integer in `[2, inf)`, the number of folds; a
            `kdl.tuning.CrossValidation`, which can repeat them; a splitter of
            `sklearn.model_selection`, such as `LeaveOneOut()`; or a sequence of pairs
            of training and test rows. An integer stratifies where targets are classes,
            and tests on what follows the training examples where these are of a series.
            Defaults to `5`.
        groups: Optional array with a label for each example of the training set, then
            of the validation set. Examples of a group, such as pictures of one person,
            are in one part.
        scoring: Optional name of a metric of scikit-learn, such as `"f1_macro"`, list
            of such names, or callable or dict as `sklearn.model_selection` takes them.
            Defaults to `None`, the loss and the metrics of the model.
        search: Optional function of a recipe and a folder that returns a tuner of
            `kdl.tuning`, for the recipe and in the folder. Each fold then has the model
            of the best trial. Defaults to `None`, no search.
        epochs: Optional integer. Of a training. Defaults to `None`, those of the
            recipe.
        seed: Integer in `[0, 2**32)`. Draws folds, weights and order. Defaults to `0`.
        workers: Optional integer in `[1, inf)`. How many folds train side by side, on
            Ray. Defaults to `None`, one after the other, without Ray.
        directory: Optional string or `Path` of a folder, made if need be. What is done
            is kept there: the same call goes on after it was killed, within a fold as
            well. Workers must share it. Defaults to `None`, where nothing is kept.
        callbacks: Optional function of the number of a fold, from 0, that returns a
            list of callbacks for its training. Defaults to `None`.
        on_fold_end: Optional function that is called with the number of a fold and the
            dict of its results when it ends, or was found done. Defaults to `None`.
        return_train_score: Boolean. Whether to score on the training examples, too.
            Defaults to `False`.
        return_estimator: Boolean. Whether to return the models. Defaults to `False`.
        return_indices: Boolean. Whether to return the rows of each fold. Defaults to
            `False`.

    Returns:
        Dict as of `sklearn.model_selection.cross_validate`, arrays with an entry for
        each fold: `"fit_time"` and `"score_time"` in seconds; `"test_NAME"` for each
        metric, or `"test_score"` for a single `scoring`; and `"epochs"`, how many were
        trained, or with `search` `"hyperparameters"`, dicts of values. If asked for,
        `"train_NAME"`; `"estimator"`, a list of `keras.Model`; and `"indices"`, a dict
        of `"train"` and `"test"`, lists of arrays of rows of the training set followed
        by the validation set. Training rows are with those that were held out.

    Raises:
        ValueError: If an argument is not as described, if a fold lacks a class to learn
            from, if it trains on what it is tested on, or if `directory` holds folds of
            something else.
        ImportError: If `workers` are given and Ray is not installed.

    Example:

    >>> recipe = kdl.recipes.Tabular()
    >>> scores = kdl.evaluation.cross_validate(recipe, cv=3, epochs=2)
    >>> scores["test_accuracy"].shape
    (3,)

    References:
        - [Cawley and Talbot,
          2010](https://jmlr.org/papers/v11/cawley10a.html), on nested cross-validation
    """
    check_recipe(recipe)
    check_options(seed, epochs, workers)
    for name, value in (
        ("return_train_score", return_train_score),
        ("return_estimator", return_estimator),
        ("return_indices", return_indices),
    ):
        check_boolean(name, value)
    for name, value in (
        ("search", search),
        ("callbacks", callbacks),
        ("on_fold_end", on_fold_end),
    ):
        if value is not None and not callable(value):
            raise ValueError(
                f"`{name}` must be a function or None. Received: {name}={value!r}"
            )
    if search is not None and hp is not None:
        raise ValueError("Give `hp` or `search`, which finds them, not both.")
    hp = chosen(recipe, hp)
    pool = Pool(recipe)
    folds = make_folds(pool, cv, groups, recipe.overlap, seed)
    jobs = FoldJobs(
        *(recipe, hp, pool, folds, scoring, search, callbacks),
        epochs=recipe.epochs if epochs is None else epochs,
        seed=seed,
        keeps_models=return_estimator,
        scores_training=return_train_score,
    )
    with jobs.kept(directory):
        results = _arrays(jobs.rows(workers, on_fold_end))
        if return_estimator:
            results["estimator"] = [jobs.model(fold) for fold in range(len(folds))]
    if return_indices:
        results["indices"] = {
            "train": [fold.seen for fold in folds],
            "test": [fold.test for fold in folds],
        }
    return results


def _arrays(rows):
    """Turns the rows of folds into an array for each name."""
    lists = {name: [row[name] for row in rows] for name in rows[0]}
    for name in ("fit_time", "score_time", "epochs"):
        if name in lists:
            lists[name] = np.array(lists[name])
    scores = lists.pop("scores")
    named = {name: np.array([row[name] for row in scores]) for name in scores[0]}
    return {**lists, **named}
