"""The folds of a cross-validation, each trained and tested once."""

import copy
import dataclasses
import shutil
import time
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from sklearn.metrics import check_scoring

from kdl.callbacks import Resume
from kdl.callbacks.log_values import Scalars
from kdl.data import Splits
from kdl.evaluation.validation.estimator import check_names, estimator
from kdl.evaluation.validation.folds import Pool, digest
from kdl.files import atomic, write_json
from kdl.recipes import run
from kdl.recipes.load import read_json, read_model
from kdl.recipes.own.named import on
from kdl.seeds import FIT, integer

_IDENTITY = "folds.json"  # Of what the folds in a directory are.


@dataclasses.dataclass
class Work:
    """What is to be done in each fold, and the directory where it is kept.

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
        directory: `Path`.
        keeps_models: Boolean.
        scores_training: Boolean.

    Raises:
        ValueError: If `scoring` is nothing for targets like these.
    """

    recipe: Any
    hp: keras_tuner.HyperParameters
    pool: Pool
    folds: list
    scoring: Any
    search: Any
    callbacks: Any
    epochs: int
    seed: int
    directory: Path
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

    def rows(self, workers=None):
        """Yields number and results of each fold: those that are done, then the rest.

        Args:
            workers: Optional integer. How many train side by side, on Ray.

        Raises:
            ValueError: If the directory is of other folds.
        """
        self._check_identity()
        todo = []
        for number in range(len(self.folds)):
            row = self._read(number)
            if row is None:
                todo.append(number)
            else:
                yield number, row
        train = self._one_by_one if workers is None else self._side_by_side
        for number in train(todo, workers):
            yield number, self._read(number)

    def model(self, number):
        """Returns the model of a fold."""
        return read_model(self._path(number, ".keras"))

    def _check_identity(self):
        """Refuses a directory that holds folds of something else."""
        scoring = self.scoring
        identity = {
            "recipe": self.recipe.name,
            "hyperparameters": self.hp.values if self.search is None else "searched",
            "examples": len(self.pool),
            "epochs": self.epochs,
            "seed": self.seed,
            "scoring": scoring if isinstance(scoring, str | None) else _names(scoring),
            "backend": keras.backend.backend(),
            "digest of the rows": digest(self.folds),
        }
        path = self.directory / _IDENTITY
        if not path.exists():
            write_json(path, identity)
            return
        there = read_json(path)
        other = [
            f"{name} {there.get(name)}, not {here}"
            for name, here in identity.items()
            if there.get(name) != here
        ]
        if other:
            raise ValueError(
                f"{self.directory} holds folds of another cross-validation: "
                f"{'; '.join(other)}. Give `directory` a new name."
            )

    def _path(self, number, suffix):
        return self.directory / f"fold_{number}{suffix}"

    def _read(self, number):
        """Returns the results of a fold, `None` unless it has all that is asked for."""
        path = self._path(number, ".json")
        if not path.exists() or (
            self.keeps_models and not self._path(number, ".keras").exists()
        ):
            return None
        row = read_json(path)
        has_training = any(name.startswith("train_") for name in row["scores"])
        return None if self.scores_training and not has_training else row

    def _one_by_one(self, todo, workers):
        for number in todo:
            self.perform(number)
            yield number

    def _side_by_side(self, todo, workers):
        import ray

        begins_ray = not ray.is_initialized()
        if begins_ray:
            ray.init()
        environment = {"env_vars": {"KERAS_BACKEND": keras.backend.backend()}}
        try:
            work = ray.put(
                dataclasses.replace(self, directory=self.directory.absolute())
            )
            # One that dies begins again, three times at most.
            perform = ray.remote(num_cpus=1, runtime_env=environment)(Work.perform)
            waiting, running = list(todo), {}
            while waiting or running:
                while waiting and len(running) < workers:
                    number = waiting.pop(0)
                    running[perform.remote(work, number)] = number
                (done, *_), _ = ray.wait(list(running))
                ray.get(done)
                yield running.pop(done)
        finally:
            if begins_ray:
                ray.shutdown()

    def perform(self, number):
        """Trains and tests a fold, and writes its results."""
        recipe = on(self.recipe, self.pool.of(self.folds[number]))
        seed = integer(self.seed, FIT, number)
        keras.utils.set_random_seed(seed)
        begun = time.perf_counter()
        model, found = self._trained(recipe, number, seed)
        trained = time.perf_counter()
        scores = self._scores("test", recipe, model, recipe.splits.test)
        tested = time.perf_counter()
        if self.scores_training:
            seen = self.pool.part(self.folds[number].seen)
            scores |= self._scores("train", recipe, model, seen)
        if self.keeps_models:
            with atomic(self._path(number, ".keras")) as draft:
                model.save(draft)
        row = {
            "fit_time": trained - begun,
            "score_time": tested - trained,
            **found,
            "scores": scores,
        }
        write_json(self._path(number, ".json"), row)
        shutil.rmtree(self._path(number, ""), ignore_errors=True)

    def _trained(self, recipe, number, seed):
        folder = self._path(number, "")
        callbacks = [] if self.callbacks is None else list(self.callbacks(number))
        if self.search is None:
            # Put last, it saves what the others have done.
            callbacks.append(Resume(folder))
            model, history = run(
                recipe,
                **recipe.data(),
                hp=self.hp,
                epochs=self.epochs,
                seed=seed,
                callbacks=callbacks,
                verbose=0,
            )
            return model, {"epochs": len(history.epoch)}
        tuner = self.search(recipe, folder)
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
            scores = Scalars(self.directory.name)(tested.evaluate(model))
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
