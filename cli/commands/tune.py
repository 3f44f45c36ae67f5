"""`kdl tune`: a search over a recipe's hyperparameters, and the folder it leaves."""

import contextlib
import io
from pathlib import Path

import typer
from keras import tree

from kdl.callbacks import TensorBoardLogger, WandbLogger
from kdl.checks import check_choice, check_number
from kdl.files import hold
from kdl.tuning import CrossValidation, MedianStopping, search_on_ray
from kdl.tuning.cross_validation import pooled
from kdl_cli.commands import arguments
from kdl_cli.commands.fixed import fixed
from kdl_cli.commands.run import test
from kdl_cli.commands.tuner import Tuner, make_oracle
from kdl_cli.folder import figures, reading, report, writing
from kdl_cli.terminal.live import TrialsDisplay
from kdl_cli.terminal.text import command

# Settings without which a search that is there is another one.
IDENTITY = (
    *("recipe", "data", "epochs", "seed", "backend"),
    *("oracle", "prune", "folds"),
)


class Search:
    """A search that has been found possible, new or resumed.

    Args:
        options: `SearchOptions`.

    Raises:
        ValueError: If one of these cannot be, or if the folder holds something else.
            Nothing is written then.
    """

    def __init__(self, options):
        check_choice("--engine", options.engine, ("local", "ray"))
        if options.workers > 1 and options.engine == "local":
            raise ValueError("Several --workers need a cluster: --engine ray.")
        if options.minutes is not None:
            check_number("--minutes", options.minutes, "(0, 1e9]")
        self.options = options
        self.recipe = arguments.make(options.recipe, options.data)
        self.settings = {
            "kind": "search",
            **arguments.settings(
                self.recipe, options.recipe, options.epochs, options.seed
            ),
            "trials": options.trials,
            "oracle": options.oracle,
            "prune": options.prune,
            "folds": options.folds,
        }
        space = None
        if options.set_:
            changes = arguments.changed(options.set_)
            space, self.settings["set"] = fixed(self.recipe, changes)
        # Refused before anything is written, if they cannot be.
        oracle = make_oracle(
            options.oracle,
            objective=self.recipe.objective,
            max_trials=options.trials,
            seed=options.seed,
            pruner=MedianStopping() if options.prune else None,
            max_total_epochs=options.total_epochs,
            max_seconds=60 * options.minutes if options.minutes else None,
            hyperparameters=space,
        )
        given = options.wandb is not None
        self.loggers = [WandbLogger("kdl", mode=options.wandb)] if given else []
        folds = CrossValidation(options.folds) if options.folds else None
        path = options.out or Path("runs") / f"{options.recipe}-tune"
        resumed = writing.occupied(path)
        before = writing.check_same(path, self.settings, identity) if resumed else None
        self.data = arguments.load(self.recipe)
        if folds:
            # What cannot be split is refused here, before there is a folder.
            _, targets, *_ = pooled(**self.data)
            folds.split(tree.flatten(targets)[0])
        self.folder = writing.Folder(path, self.settings, before)
        if not resumed:
            # Before the tuner makes files, which alone would be nobody's.
            self.folder.begin()
        if given:
            (logger,) = self.loggers
            logger.group, logger.directory = path.name, path
        if options.tensorboard:
            self.loggers.append(TensorBoardLogger(path / "tensorboard"))
        with contextlib.ExitStack() as held:
            held.enter_context(hold(path, "searching"))
            # KerasTuner prints that it reloads; `perform` says more.
            with contextlib.redirect_stdout(io.StringIO()):
                self.tuner = Tuner(
                    oracle,
                    self.recipe,
                    folds=folds,
                    directory=path,
                    project_name="trials",
                )
            there = len(self.tuner.oracle.trials)
            if options.trials < there:
                raise ValueError(
                    f"{path} holds {there} trials, so that `--trials` must be {there} "
                    f"or more. Received: {options.trials}"
                )
            if resumed:
                self.folder.begin()
            self.held = held.pop_all()

    def perform(self, console):
        """Searches, tests the best model and writes the results."""
        path, epochs = self.folder.path, self.settings["epochs"]
        oracle, total = self.tuner.oracle, self.settings["trials"]
        if oracle.trials:
            ended = sum(row["status"] != "running" for row in self.tuner.rows())
            console.print(
                f"Resuming the search in {path}. Trials: {ended} of {total} done."
            )
        else:
            console.print(
                f"Searching into {path}. "
                f"Trials: {total}, of up to {epochs} epochs each."
            )
        hint = "The same command goes on with it."
        display = TrialsDisplay(
            console,
            total,
            epochs,
            self.tuner.executions_per_trial,
            oracle.objective.name,
            oracle.objective.direction,
            self.options.quiet,
        )
        with self.held, writing.ending(self.folder, console, hint):
            with display.shown():
                self._search(
                    display,
                    **self.data,
                    epochs=epochs,
                    seed=self.settings["seed"],
                    verbose=0,
                    callbacks=self.loggers,
                )
            self.finish(console)

    def _search(self, display, **data):
        if self.options.engine == "local":
            self.tuner.show(display, self.folder)
            self.tuner.search(**data)
            return

        def ended(trial):
            self.tuner.show(display, self.folder)
            self.tuner.show_end(trial)

        search_on_ray(self.tuner, self.options.workers, on_trial_end=ended, **data)

    def finish(self, console):
        """Writes what the trials say together."""
        rows = self.tuner.rows()
        self.folder.write_rows(reading.TRIALS, rows)
        for part in report.trials(self.folder.path, self.settings):
            console.print(part)
        scores = [row[self.settings["objective"]] for row in rows]
        if all(score is None for score in scores):
            console.print("No trial succeeded, so that there is no model.")
            raise typer.Exit(1)
        (best,) = self.tuner.get_best_hyperparameters()
        self.folder.write_hyperparameters(self.settings["recipe"], best.values)
        figure = figures.search(scores, self.recipe.objective)
        self.folder.write_figure("search.png", figure)
        (model,) = self.tuner.get_best_models()
        test(self.recipe, model, self.folder, console)
        console.print(
            "To train with the best hyperparameters: "
            + command(*("run", self.settings["recipe"], "--hp", self.folder.path))
        )


def identity(settings):
    """Those of a search's settings without which it is another one."""
    names = {name: settings.get(name) for name in IDENTITY}
    values = settings.get("set") or {}
    return names | {f"hyperparameter {name}": v for name, v in values.items()}
