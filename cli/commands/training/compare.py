"""`kdl compare`: values of a hyperparameter over seeds, and the folder that it leaves.

What is the same for all values of a seed, such as the order of the examples, does not
tell in the difference between two of its runs: so they are compared in pairs.
"""

import contextlib
import dataclasses
import math
import time
from pathlib import Path

import keras
import typer

from kdl import recipes
from kdl.checks import check_choice
from kdl.evaluation.resampling.bootstrap import check_independent, resampled
from kdl.files import WriteError, hold
from kdl.recipes.own.named import Named
from kdl.tuning.best_epoch import final
from kdl_cli.commands import arguments
from kdl_cli.commands.spaces.varied import varied
from kdl_cli.folder import comparison, figures, metrics, reading, writing
from kdl_cli.options.compare import CompareOptions
from kdl_cli.terminal.progress import EpochProgress, Stop
from kdl_cli.terminal.text import short, written

# Settings in which a comparison and the one that resumes it have to agree.
IDENTITY = (
    *("recipe", "data", "objective", "epochs", "seed", "backend", "vary", "resample"),
    *("precision", *reading.EXTRAS),
)
# Panels of the picture.
_PANELS = 6


@dataclasses.dataclass(frozen=True)
class ComparisonPlan:
    """What a comparison is to do.

    Attributes:
        options: `CompareOptions`.
        recipe: `kdl.recipes.Recipe`.
        named: `Named` that it was made of.
        candidates: Dict from values, as `--set` takes them, to
            `keras_tuner.HyperParameters`.
        settings: Dict of plain values, as `settings.json` holds them.
        note: String. What was taken from another folder, in a sentence, or empty.
    """

    options: CompareOptions
    recipe: recipes.Recipe
    named: Named
    candidates: dict
    settings: dict
    note: str = ""

    @property
    def path(self):
        """`Path` of the folder."""
        name = self.settings["vary"].replace("/", "-")
        default = Path("runs") / f"{self.named.title}-compare-{name}"
        return self.options.out or default


def plan(options):
    """Returns the `ComparisonPlan` of `CompareOptions`. Loads and writes nothing.

    Whether the recipe has the metric is only known with data.

    Raises:
        ValueError: If an option is invalid.
    """
    if options.seed + options.seeds > 2**32:
        raise ValueError(
            "The last seed must be below 2**32. "
            f"Received: --seed={options.seed}, --seeds={options.seeds}"
        )
    options, note = arguments.taken_along(options)
    recipe, named = arguments.make(options)
    vary, candidates = _candidates(recipe, named, options)
    metric, direction = metrics.compared(options.metric, recipe.objective)
    settings = {
        "kind": "comparison",
        **arguments.settings(recipe, named, options),
        "seeds": options.seeds,
        "vary": vary,
        "values": [hp.values[vary] for hp in candidates.values()],
        "resample": options.resample,
        "metric": metric,
        "metric_direction": direction,
        "hyperparameters": {
            name: value
            for hp in candidates.values()
            for name, value in hp.values.items()
            if name != vary
        },
    }
    return ComparisonPlan(options, recipe, named, candidates, settings, note)


def _candidates(recipe, named, options):
    name = options.vary.partition("=")[0]
    changes = arguments.changed(options.set_)
    if name in changes:
        raise ValueError(
            f"`--vary` gives `{name}` its values. Leave out --set {name}="
            f"{written(changes[name])}."
        )
    given = {}
    if options.hp:
        given = arguments.read_hyperparameters(options.hp, named.name)
    return varied(recipe, options.vary, given | changes)


class Comparison:
    """A comparison, new or resumed, which `begin` prepares and `perform` runs.

    Args:
        plan: `ComparisonPlan`.
    """

    def __init__(self, plan):
        self.plan = plan

    def begin(self):
        """Loads the data, then makes or takes over the folder and locks it.

        Raises:
            ValueError: If the data, the metric or the folder cannot be used. Nothing
                is written then.
        """
        plan, path = self.plan, self.plan.path
        before = writing.to_resume(path, plan.settings, identity)
        self.data = arguments.load(plan.recipe)
        if plan.settings["resample"]:
            check_independent(plan.recipe)
        (hp, *_) = plan.candidates.values()
        arguments.check_objective(plan.recipe, hp, plan.options.objective)
        if plan.options.metric is not None:
            # Only a model that has seen data knows its metrics.
            scores = arguments.evaluate(plan.recipe, plan.recipe.build(hp))
            check_choice("--metric", plan.settings["metric"], list(scores))
        self.folder = writing.Folder(path, plan.settings, before, plan.named.file)
        if before is None:
            self.folder.begin()
        with contextlib.ExitStack() as held:
            held.enter_context(hold(path, "comparing"))
            self.runs = comparison.read_runs(path / reading.RUNS)
            first, seeds = plan.settings["seed"], plan.settings["seeds"]
            there = max((run["seed"] + 1 - first for run in self.runs), default=0)
            if seeds < there:
                raise ValueError(
                    f"{path} holds runs of {there} seeds, so that `--seeds` must be "
                    f"{there} or more. Received: {seeds}"
                )
            if before is not None:
                self.folder.begin()
            self.held = held.pop_all()

    def perform(self, console):
        """Trains what has not been trained yet, and writes the results."""
        path, settings = self.folder.path, self.plan.settings
        seeds = range(settings["seed"], settings["seed"] + settings["seeds"])
        total = len(self.plan.candidates) * len(seeds)
        if self.runs:
            console.print(
                f"{self.plan.note}Resuming the comparison in {path}. "
                f"Runs: {len(self.runs)} of {total} done."
            )
        else:
            console.print(
                f"{self.plan.note}Comparing {len(self.plan.candidates)} values of "
                f"{settings['vary']} over {len(seeds)} seeds, into {path}. "
                f"Runs: {total}, of up to {settings['epochs']} epochs each."
            )
        arguments.tell_data(self.plan.recipe, path, console)
        done = {(run["value"], run["seed"]) for run in self.runs}
        hint = "Run the same command to resume it."
        with (
            self.held,
            writing.ending(self.folder, console, hint) as self._signals,
        ):
            # Seed by seed, so that an interrupted comparison has pairs.
            for seed in seeds:
                for value, hp in self.plan.candidates.items():
                    if (value, seed) not in done:
                        place = f"{len(self.runs) + 1} of {total}"
                        self._run(console, value, hp, seed, place)
            self.finish(console)

    def _run(self, console, value, hp, seed, place):
        run = {"value": value, "seed": seed}
        title = comparison.title(self.plan.settings["vary"], run)
        start = time.monotonic()
        try:
            found = self._train(console, f"{title} ({place})", hp, seed)
        except WriteError:
            raise
        except Exception as error:
            # Code that catches the interruption may raise another error.
            self._signals.check()
            # In one line, since it may be long.
            text = f"{type(error).__name__}: {' '.join(str(error).split())}"
            found = {"epochs": None, "status": "failed", "error": text}
        run |= {"seconds": round(time.monotonic() - start, 1), **found}
        self.runs.append(run)
        self.folder.write_rows(reading.RUNS, self.runs)
        objective = self.plan.recipe.objective.name
        outcome = run["error"] or f"{objective} {short(run[objective])}"
        console.print(f"{title}: {outcome} ({place})")

    def _train(self, console, title, hp, seed):
        """Trains once, as `kdl run` does, and tests."""
        objective, epochs = self.plan.recipe.objective, self.plan.settings["epochs"]
        shown, callbacks = contextlib.nullcontext(), [Stop(self._signals)]
        if console.is_terminal and not self.plan.options.quiet:
            progress = EpochProgress(console, epochs, objective.name)
            shown = progress.shown(title)
            show = keras.callbacks.LambdaCallback(on_epoch_end=progress.update)
            callbacks.append(show)
        # Frees earlier models, as KerasTuner does between trials.
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        recipe, data = self._sample(seed)
        with shown:
            model, history = recipes.run(
                recipe,
                **data,
                hp=hp,
                epochs=epochs,
                seed=seed,
                callbacks=callbacks,
                verbose=0,
            )
            best, _ = final(history, objective)
            scores = {objective.name: float(best[objective.name])}
            for name, score in arguments.evaluate(recipe, model).items():
                scores[f"test_{name}"] = score
        for name, score in scores.items():
            if not math.isfinite(score):
                raise ArithmeticError(f"{name} is {score}")
        epochs = len(history.epoch)
        return {"epochs": epochs, **scores, "status": "completed", "error": ""}

    def _sample(self, seed):
        """Returns recipe and data of a seed."""
        recipe = self.plan.recipe
        if not self.plan.settings["resample"]:
            return recipe, self.data
        recipe = resampled(recipe, seed)
        return recipe, recipe.data()

    def finish(self, console):
        """Writes and prints the statistics of all runs."""
        rows = comparison.means(self.runs, self.plan.settings)
        self.folder.write_rows(reading.COMPARISON, rows)
        for part in comparison.tables(self.runs, self.plan.settings):
            console.print(part)
        if all(run["status"] == "failed" for run in self.runs):
            raise typer.Exit(1)
        objective, directions = self.plan.recipe.objective, {}
        for column in comparison.metrics(self.runs, self.plan.settings)[:_PANELS]:
            name = column.removeprefix("test_")
            directions[column] = metrics.direction(name, objective)
        tested = comparison.tested(self.plan.settings)
        directions[tested] = self.plan.settings["metric_direction"]
        vary, values = self.plan.settings["vary"], list(self.plan.candidates)
        figure = figures.comparison(self.runs, values, vary, directions)
        self.folder.write_figure("comparison.png", figure)
        console.print(self.folder.listing())


def identity(settings):
    """Returns the settings in which a comparison that resumes one has to agree."""
    names = arguments.identity(settings, IDENTITY)
    names["values"] = ",".join(comparison.labels(settings))
    others = settings["hyperparameters"].items()
    return names | {f"hyperparameter {name}": value for name, value in others}
