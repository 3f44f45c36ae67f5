"""The folds of a cross-validation, each trained and tested once."""

import copy
import dataclasses
import time
from typing import Any

import keras
import keras_tuner
from sklearn.metrics import check_scoring

from kdl.callbacks.log_values import Scalars
from kdl.data import Splits
from kdl.evaluation.jobs import Jobs
from kdl.evaluation.validation.folds import Pool, digest
from kdl.evaluation.validation.scoring import check_names
from kdl.recipes.estimator import estimator
from kdl.recipes.own.named import on
from kdl.seeds import FIT, integer


@dataclasses.dataclass
class FoldJobs(Jobs):
    """What is to be done in each fold.

    Attributes:
        recipe: `kdl.recipes.Recipe`.
        hp: `keras_tuner.HyperParameters`.
        pool: `Pool` of the examples.
        folds: List of `Fold`s.
        scoring: As of `cross_validate`, like the rest.
        search: Optional function of a recipe and a folder.
        callbacks: Optional function of the number of a fold.
        epochs: Integer.
        seed: Integer.
        keeps_models: Boolean.
        scores_training: Boolean.

    Raises:
        ValueError: If `scoring` is nothing for targets like these.
    """

    what = "fold"
    all_ = "folds"

    recipe: Any
    hp: keras_tuner.HyperParameters
    pool: Pool
    folds: list
    scoring: Any
    search: Any
    callbacks: Any
    epochs: int
    seed: int
    keeps_models: bool
    scores_training: bool

    def __post_init__(self):
        if self.scoring is None:
            return
        if isinstance(self.scoring, str):
            check_names("scoring", [self.scoring])
        elif isinstance(self.scoring, list | tuple | set):
            check_names("scoring", self.scoring)
        check_scoring(self._estimator(self.recipe, None), scoring=self.scoring)

    @property
    def count(self):
        return len(self.folds)

    def identity(self):
        scoring = self.scoring
        return {
            "recipe": self.recipe.name,
            "hyperparameters": self.hp.values if self.search is None else "searched",
            "examples": len(self.pool),
            "epochs": self.epochs,
            "seed": self.seed,
            "scoring": scoring if isinstance(scoring, str | None) else _names(scoring),
            "digest of the rows": digest(self.folds),
        }

    def is_whole(self, row):
        has_training = any(name.startswith("train_") for name in row["scores"])
        return has_training or not self.scores_training

    def perform(self, number):
        recipe = on(self.recipe, self.pool.of(self.folds[number]))
        begun = time.perf_counter()
        model, found = self._trained(recipe, number)
        trained = time.perf_counter()
        scores = self._scores("test", recipe, model, recipe.splits.test)
        tested = time.perf_counter()
        if self.scores_training:
            seen = self.pool.part(self.folds[number].seen)
            scores |= self._scores("train", recipe, model, seen)
        return model, {
            "fit_time": trained - begun,
            "score_time": tested - trained,
            **found,
            "scores": scores,
        }

    def _trained(self, recipe, number):
        seed = integer(self.seed, FIT, number)
        keras.utils.set_random_seed(seed)
        callbacks = [] if self.callbacks is None else list(self.callbacks(number))
        if self.search is None:
            model, history = self.fit(
                recipe, self.hp, number, seed, self.epochs, callbacks
            )
            return model, {"epochs": len(history.epoch)}
        tuner = self.search(recipe, self.path(number, ""))
        tuner.search(
            **recipe.data(), epochs=self.epochs, callbacks=callbacks, verbose=0
        )
        models = tuner.get_best_models(1)
        if not models:
            raise ValueError(
                f"The search of fold {number} has no model: its trials have failed."
            )
        (best,) = tuner.get_best_hyperparameters(1)
        return models[0], {"hyperparameters": best.values}

    def _scores(self, name, recipe, model, part):
        """Returns the scores of a model on some examples, by `"NAME_METRIC"`."""
        if self.scoring is None:
            there = recipe.splits
            tested = copy.copy(recipe)
            tested.splits = Splits(there.train, there.validation, part, there.classes)
            scores = Scalars("cross_validate")(tested.evaluate(model))
        else:
            judge = self._estimator(recipe, model)
            scores = check_scoring(judge, scoring=self.scoring)(judge, *part)
            if not isinstance(scores, dict):
                scores = {"score": scores}
        return {f"{name}_{metric}": float(score) for metric, score in scores.items()}

    def _estimator(self, recipe, model):
        return estimator(recipe, model, self.pool.y)


def _names(scoring):
    """Names a scoring that is no single name."""
    if callable(scoring):
        return getattr(scoring, "__name__", type(scoring).__name__)
    return sorted(scoring)
