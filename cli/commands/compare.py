"""`kdl compare`: values of a hyperparameter over seeds, and the folder that it leaves.

What is the same for all values of a seed, such as the order of the examples, does not
tell in the difference between two of its runs: so they are compared in pairs.
"""

import contextlib
import math
import time
from pathlib import Path

import keras
import typer

from kdl import recipes
from kdl.callbacks.log_values import Scalars
from kdl.checks import check_choice
from kdl.files import WriteError, hold
from kdl.tuning.best_epoch import final
from kdl_cli.commands import arguments
from kdl_cli.commands.varied import varied
from kdl_cli.folder import comparison, figures, metrics, reading, writing
from kdl_cli.terminal.progress import EpochProgress, Stop
from kdl_cli.terminal.text import short, written

# Settings without which a comparison that is there is another one.
IDENTITY = ("recipe", "data", "epochs", "seed", "backend", "vary")
# Panels of the picture.
_PANELS = 6


class Comparison:
    """A comparison that has been found possible, new or resumed.

    Args:
        options: `CompareOptions`.

    Raises:
        ValueError: If one of these cannot be, or if the folder holds something else.
            Nothing is written then.
    """

    def __init__(self, options):
        if options.seed + options.seeds > 2**32:
            raise ValueError(
                "The last seed must be below 2**32. "
                f"Received: --seed={options.seed}, --seeds={options.seeds}"
            )
        options, self.note = arguments.taken_along(options)
        self.options, self._scalars = options, Scalars(reading.RUNS)
        self.recipe = arguments.make(options.recipe, options.data)
        vary, self.candidates = self._candidates()
        values = [hp.values[vary] for hp in self.candidates.values()]
        metric, direction = metrics.compared(options.metric, self.recipe.objective)
        self.settings = {
            "kind": "comparison",
            **arguments.settings(
                self.recipe, options.recipe, options.epochs, options.seed
            ),
            "seeds": options.seeds,
            "vary": vary,
            "values": values,
            "metric": metric,
            "metric_direction": direction,
            "hyperparameters": {
                name: value
                for hp in self.candidates.values()
                for name, value in hp.values.items()
                if name != vary
            },
        }
        name = f"{options.recipe}-compare-{vary.replace('/', '-')}"
        path = options.out or Path("runs") / name
        resumed = writing.occupied(path)
        before = writing.check_same(path, self.settings, identity) if resumed else None
        # Loads them, perhaps over a network; all else has been checked but a metric.
        self.data = arguments.load(self.recipe)
        self.test_data = self.recipe.test_data()
        if options.metric is not None:
            self._check_metric(metric)
        self.folder = writing.Folder(path, self.settings, before)
        if not resumed:
            self.folder.begin()
        with contextlib.ExitStack() as held:
            held.enter_context(hold(path, "comparing"))
            self.runs = comparison.read_runs(path / reading.RUNS)
            there = max(
                (run["seed"] + 1 - options.seed for run in self.runs), default=0
            )
            if options.seeds < there:
                raise ValueError(
                    f"{path} holds runs of {there} seeds, so that `--seeds` must be "
                    f"{there} or more. Received: {options.seeds}"
                )
            if resumed:
                self.folder.begin()
            self.held = held.pop_all()

    def _candidates(self):
        options = self.options
        name = options.vary.partition("=")[0]
        changes = arguments.changed(options.set_)
        if name in changes:
            raise ValueError(
                f"`--vary` gives `{name}` its values. Leave out --set {name}="
                f"{written(changes[name])}."
            )
        given = {}
        if options.hp:
            given = arguments.read_hyperparameters(options.hp, options.recipe)
        return varied(self.recipe, options.vary, given | changes)

    def _check_metric(self, metric):
        (hp, *_) = self.candidates.values()
        # Only a model that has seen data knows its metrics.
        scores = self._test(self.recipe.build(hp))
        check_choice("--metric", metric, list(scores))

    def _test(self, model):
        scores = model.evaluate(**self.test_data, verbose=0, return_dict=True)
        return self._scalars(scores)

    def perform(self, console):
        """Trains what has not been trained yet, and writes what came of it."""
        path, settings = self.folder.path, self.settings
        seeds = range(settings["seed"], settings["seed"] + settings["seeds"])
        total = len(self.candidates) * len(seeds)
        if self.runs:
            console.print(
                f"{self.note}Resuming the comparison in {path}. "
                f"Runs: {len(self.runs)} of {total} done."
            )
        else:
            console.print(
                f"{self.note}Comparing {len(self.candidates)} values of "
                f"{settings['vary']} over {len(seeds)} seeds, into {path}. "
                f"Runs: {total}, of up to {settings['epochs']} epochs each."
            )
        done = {(run["value"], run["seed"]) for run in self.runs}
        hint = "The same command goes on with it."
        with (
            self.held,
            writing.ending(self.folder, console, hint) as self._signals,
        ):
            # Seed by seed, so that there are pairs from early on.
            for seed in seeds:
                for value, hp in self.candidates.items():
                    if (value, seed) not in done:
                        place = f"{len(self.runs) + 1} of {total}"
                        self._run(console, value, hp, seed, place)
            self.finish(console)

    def _run(self, console, value, hp, seed, place):
        run = {"value": value, "seed": seed}
        title = comparison.title(self.settings["vary"], run)
        start = time.monotonic()
        try:
            found = self._train(console, f"{title} ({place})", hp, seed)
        except WriteError:
            raise
        except Exception as error:
            # Code that takes an interruption for a failure raises another error.
            self._signals.check()
            # It may be long: one line will do.
            text = f"{type(error).__name__}: {' '.join(str(error).split())}"
            found = {"epochs": None, "status": "failed", "error": text}
        run |= {"seconds": round(time.monotonic() - start, 1), **found}
        self.runs.append(run)
        self.folder.write_rows(reading.RUNS, self.runs)
        objective = self.recipe.objective.name
        outcome = run["error"] or f"{objective} {short(run[objective])}"
        console.print(f"{title}: {outcome} ({place})")

    def _train(self, console, title, hp, seed):
        """Trains once, as `kdl run` does, and tests."""
        objective, epochs = self.recipe.objective, self.settings["epochs"]
        shown, callbacks = contextlib.nullcontext(), [Stop(self._signals)]
        if console.is_terminal and not self.options.quiet:
            progress = EpochProgress(console, epochs, objective.name)
            shown = progress.shown(title)
            show = keras.callbacks.LambdaCallback(on_epoch_end=progress.update)
            callbacks.append(show)
        # Lets go of the models before, as KerasTuner does between trials.
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        with shown:
            model, history = recipes.run(
                self.recipe,
                **self.data,
                hp=hp,
                epochs=epochs,
                seed=seed,
                callbacks=callbacks,
                verbose=0,
            )
            best, _ = final(history, objective)
            scores = {objective.name: float(best[objective.name])}
            for name, score in self._test(model).items():
                scores[f"test_{name}"] = score
        for name, score in scores.items():
            if not math.isfinite(score):
                raise ArithmeticError(f"{name} is {score}")
        epochs = len(history.epoch)
        return {"epochs": epochs, **scores, "status": "completed", "error": ""}

    def finish(self, console):
        """Writes what the runs say together."""
        rows = comparison.means(self.runs, self.settings)
        self.folder.write_rows(reading.COMPARISON, rows)
        for part in comparison.tables(self.runs, self.settings):
            console.print(part)
        if all(run["status"] == "failed" for run in self.runs):
            raise typer.Exit(1)
        objective, directions = self.recipe.objective, {}
        for column in comparison.metrics(self.runs, self.settings)[:_PANELS]:
            name = column.removeprefix("test_")
            directions[column] = metrics.direction(name, objective)
        tested = comparison.tested(self.settings)
        directions[tested] = self.settings["metric_direction"]
        vary, values = self.settings["vary"], list(self.candidates)
        figure = figures.comparison(self.runs, values, vary, directions)
        self.folder.write_figure("comparison.png", figure)
        console.print(self.folder.listing())


def identity(settings):
    """What a comparison is another one without."""
    names = {name: settings.get(name) for name in IDENTITY}
    names["values"] = ",".join(comparison.labels(settings))
    others = settings["hyperparameters"].items()
    return names | {f"hyperparameter {name}": value for name, value in others}
