"""`kdl cross-validate` and `kdl tune --nested`: scores over folds, and their folder."""

import contextlib
import dataclasses
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import LeaveOneOut

from kdl import recipes
from kdl.checks import check_exclusive
from kdl.evaluation import cross_validate, resampled_interval
from kdl.evaluation.validation.scoring import check_names
from kdl.files import hold
from kdl.recipes.estimator import estimator
from kdl.recipes.own.named import Named, on
from kdl.tuning import CrossValidation as Splitter
from kdl.tuning.cross_validation import check_alike
from kdl_cli.commands import arguments
from kdl_cli.commands.training import tune
from kdl_cli.commands.training.tuner import Tuner
from kdl_cli.folder import cross_validation, figures, metrics, reading, writing
from kdl_cli.options.search import SearchOptions
from kdl_cli.terminal.progress import Count, EpochProgress, Stop
from kdl_cli.terminal.text import command

# Settings in which folds and those that go on with them have to agree.
IDENTITY = (
    *("recipe", "data", "objective", "epochs", "seed", "backend", "folds", "repeats"),
    *("groups", "scoring", "nested", "oracle", "trials", "prune", "precision"),
    *reading.EXTRAS,
)
# Where the folds are kept.
_FOLDS = "folds"
_PANELS = 6  # Of the picture.


@dataclasses.dataclass(frozen=True)
class FoldsPlan:
    """What a cross-validation is to do.

    Attributes:
        options: `CrossValidateOptions` or `SearchOptions`.
        recipe: `kdl.recipes.Recipe`.
        named: `Named` that it was made of.
        hp: `keras_tuner.HyperParameters`; `None` where they are searched in each fold.
        cv: Splitter.
        settings: Dict of plain values, as `settings.json` holds them.
        search: Optional `kdl_cli.commands.training.tune.SearchPlan` of each fold.
        note: String. What was taken from another folder, in a sentence, or empty.
    """

    options: Any
    recipe: recipes.Recipe
    named: Named
    hp: Any
    cv: Any
    settings: dict
    search: Any = None
    note: str = ""

    @property
    def path(self):
        """`Path` of the folder."""
        ending = "nested" if self.search else "cross-validate"
        return self.options.out or Path("runs") / f"{self.named.title}-{ending}"


def plan(options):
    """Returns the `FoldsPlan` of options. Loads and writes nothing.

    Raises:
        ValueError: If an option is invalid.
    """
    return (_nested if isinstance(options, SearchOptions) else _simple)(options)


def _simple(options):
    for name in ("folds", "repeats"):
        check_exclusive(
            **{
                "--leave-one-out": options.leave_one_out,
                f"--{name}": getattr(options, name),
            }
        )
    check_names("--scoring", options.scoring or ())
    options, note = arguments.taken_along(options)
    recipe, named = arguments.make(options)
    hp = arguments.hyperparameters(recipe, named.name, options.hp, options.set_)
    folds, repeats = options.folds or 5, options.repeats or 1
    if recipe.overlap is not None and (options.leave_one_out or repeats > 1):
        raise ValueError(
            f"The examples of {named.title} follow each other, so that no fold can be "
            "drawn at random: leave out --repeats and --leave-one-out."
        )
    cv = folds if repeats == 1 else Splitter(folds, repeats, seed=options.seed)
    if options.leave_one_out:
        cv, folds = LeaveOneOut(), "all"
    settings = {
        "kind": "cross-validation",
        **arguments.settings(recipe, named, options),
        "folds": folds,
        "repeats": repeats,
        "groups": options.groups,
        "scoring": options.scoring,
        "hyperparameters": hp.values,
    }
    return FoldsPlan(options, recipe, named, hp, cv, settings, note=note)


def _nested(options):
    for name in ("wandb", "tensorboard"):
        if getattr(options, name):
            raise ValueError(
                f"--{name} logs one search, and --nested makes one in each fold. Leave "
                "one of them out."
            )
    if options.devices > 1:
        raise ValueError(
            "--nested searches on one device for each trial: leave out --devices. "
            f"Received: --devices={options.devices}"
        )
    search = tune.plan(options)
    settings = {
        **search.settings,
        "kind": "cross-validation",
        "folds": options.nested,
        "nested": options.folds or True,
    }
    return FoldsPlan(
        *(search.options, search.recipe, search.named),
        *(None, options.nested, settings, search),
    )


class CrossValidation:
    """A cross-validation, new or resumed, which `begin` prepares and `perform` runs.

    Args:
        plan: `FoldsPlan`.
    """

    def __init__(self, plan):
        self.plan = plan

    def begin(self):
        """Loads the data, then makes or takes over the folder and locks it.

        Raises:
            ValueError: If the data or the folder cannot be used. Nothing is written
                then.
        """
        plan, path = self.plan, self.plan.path
        before = writing.to_resume(path, plan.settings, identity)
        with arguments.names_data():
            self.recipe, self.groups = _grouped(plan.recipe, plan.settings)
            self.recipe.data()
            check_alike(*self.recipe.splits[:2])
            if plan.settings.get("scoring"):
                estimator(self.recipe, None, self.recipe.splits.train[1])
        hp = plan.hp or recipes.hyperparameters(plan.recipe, {})
        arguments.check_objective(self.recipe, hp, plan.options.objective)
        self.folder = writing.Folder(path, plan.settings, before, plan.named.file)
        if before is None:
            self.folder.begin()
        with contextlib.ExitStack() as held:
            held.enter_context(hold(path, "cross-validating"))
            if before is not None:
                self.folder.begin()
            if plan.hp is not None:
                self.folder.write_hyperparameters(plan.named.name, plan.hp.values)
            self.held = held.pop_all()

    def perform(self, console):
        """Trains and tests what has not been yet, and writes the results."""
        plan, path, settings = self.plan, self.folder.path, self.plan.settings
        what = "a search each" if plan.search else "a training each"
        console.print(
            f"{plan.note}Cross-validating into {path}. Folds: {_described(settings)}, "
            f"{what}, of up to {settings['epochs']} epochs."
        )
        arguments.tell_data(self.recipe, path, console)
        self.rows = []
        hint = "Run the same command to resume it."
        with (
            self.held,
            writing.ending(self.folder, console, hint) as self._signals,
        ):
            self._progress = EpochProgress(
                console, settings["epochs"], plan.recipe.objective.name
            )
            workers = getattr(plan.options, "workers", None)
            if plan.search and plan.options.engine == "local":
                workers = None
            if workers is not None:
                tune.send_modules()
            self._count = Count(console, "folds")
            with self._progress.shown("fold 0"):
                results = cross_validate(
                    self.recipe,
                    plan.hp,
                    cv=plan.cv,
                    groups=self.groups,
                    scoring=settings.get("scoring") or None,
                    search=plan.search and _search(plan.search),
                    epochs=settings["epochs"],
                    seed=settings["seed"],
                    workers=workers,
                    directory=path / _FOLDS,
                    callbacks=self._callbacks if workers is None else None,
                    on_fold_end=lambda number, row: self._end(console, number, row),
                    return_indices=True,
                )
            self._finish(console, results)

    def _callbacks(self, number):
        """What watches the training of a fold."""
        stop = Stop(self._signals)
        if not self._progress.console.is_terminal:
            return [stop]
        self._progress.rename(f"fold {number}")
        show = keras.callbacks.LambdaCallback(on_epoch_end=self._progress.update)
        return [stop, show]

    def _end(self, console, number, row):
        self._signals.check()
        flat = {"fold": number, "seconds": round(row["fit_time"], 1)}
        if "epochs" in row:
            flat["epochs"] = row["epochs"]
        scores = {
            name.removeprefix("test_"): score for name, score in row["scores"].items()
        }
        self.rows.append({**flat, **scores, **row.get("hyperparameters", {})})
        self.rows.sort(key=lambda each: each["fold"])
        self.folder.write_rows(reading.FOLDS, self.rows)
        if self.plan.settings["folds"] == "all":
            self._count.add(1)
            return
        told = "  ".join(f"{name} {score:.4f}" for name, score in scores.items())
        console.print(f"fold {number}: {told}")

    def _finish(self, console, results):
        """Writes and prints means and intervals."""
        train, test = (
            round(np.mean([len(rows) for rows in results["indices"][name]]))
            for name in ("train", "test")
        )
        scores = {
            name.removeprefix("test_"): values
            for name, values in results.items()
            if name.startswith("test_")
        }
        directions = {metric: self._direction(metric) for metric in scores}
        summary = [
            _summary(metric, values, directions[metric], train, test)
            for metric, values in scores.items()
        ]
        self.folder.write_rows(reading.SCORES, summary)
        shown = dict(list(scores.items())[:_PANELS])
        figure = figures.folds(shown, summary, directions)
        self.folder.write_figure("folds.png", figure)
        for part in cross_validation.parts(self.folder.path, self.plan.settings):
            console.print(part)
        console.print(self.folder.listing())
        if self.plan.search is None:
            console.print(
                "To train with these hyperparameters: "
                + command("run", self.plan.settings["recipe"], "--hp", self.folder.path)
            )

    def _direction(self, metric):
        if self.plan.settings.get("scoring"):
            return "max"  # So scikit-learn has it.
        return metrics.direction(metric, self.plan.recipe.objective)


def _summary(metric, values, direction, train, test):
    """Mean, interval, standard deviation, worst and best of scores over folds."""
    mean, low, high = resampled_interval(values, train, test)
    # Of scikit-learn's losses, more is better: they are negative.
    negative = metric.startswith("neg_")
    least, most = (-math.inf, 0.0) if negative else metrics.bounds(metric)
    ends = sorted(map(float, (min(values), max(values))))
    worst, best = ends[::-1] if direction == "min" else ends
    return {
        "metric": metric,
        "mean": mean,
        "low": max(low, least),
        "high": min(high, most),
        "standard_deviation": float(np.std(values, ddof=1)),
        **({} if direction is None else {"worst": worst, "best": best}),
    }


def _search(plan):
    """Returns a function that makes the tuner of a fold."""

    def make(recipe, folder):
        return Tuner(
            plan.oracle(),
            recipe,
            folds=plan.folds,
            directory=folder,
            project_name="trials",
        )

    return make


def _grouped(recipe, settings):
    """Returns a recipe without the column that groups its examples, and the groups."""
    column = settings.get("groups")
    if column is None:
        return recipe, None
    splits = recipe.splits
    x = splits.train[0]
    if not isinstance(x, dict) or column not in x:
        known = f" It has: {', '.join(x)}." if isinstance(x, dict) else ""
        raise ValueError(
            "`--groups` must be a column of a table. Received: "
            f"--groups={column}.{known}"
        )
    groups = np.concatenate([part[column] for part, _ in splits[:2]])
    without = type(splits)(
        *(({k: v for k, v in x.items() if k != column}, y) for x, y in splits),
        splits.classes,
        splits.drawn,
    )
    return on(recipe, without), groups


def _described(settings):
    folds = str(settings["folds"])
    repeats = settings.get("repeats", 1)
    return f"{folds}, drawn {repeats} times" if repeats > 1 else folds


def identity(settings):
    """Returns the settings in which folds that go on with others have to agree."""
    names = arguments.identity(settings, IDENTITY)
    for values in (settings.get("hyperparameters") or {}, settings.get("set") or {}):
        names |= {f"hyperparameter {name}": value for name, value in values.items()}
    return names | {
        name: settings[name] for name in ("range", "choices") if name in settings
    }
