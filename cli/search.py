"""`kdl tune`: a search over a recipe's hyperparameters, and the folder it leaves."""

import contextlib
import io
import warnings
from pathlib import Path

import filelock
import typer

from kdl.callbacks import TensorBoardLogger, WandbLogger
from kdl.checks import check_choice
from kdl.tuning import CrossValidation, MedianStopping, search_on_ray
from kdl_cli import figures, folders, reports, training
from kdl_cli.live import TrialsDisplay
from kdl_cli.tuner import Tuner, make_oracle

# Settings without which a search that is there is another one.
IDENTITY = (
    *("recipe", "data", "epochs", "seed", "backend"),
    *("oracle", "prune", "folds"),
)


class Search:
    """A search that has been found possible, new or resumed.

    Args:
        recipe: String. Name of a recipe.
        data: Optional string. Source of data, as the recipe takes it.
        epochs: Optional integer. Most epochs of each trial.
        seed: Integer.
        out: Optional `Path` of the folder.
        trials: Integer. Number of trials, finished ones of a resumed search too.
        oracle: String. What decides what to try, as `make_oracle` has it.
        prune: Boolean. Whether trials worse than the median end early.
        folds: Optional integer. Number of folds of cross-validation.
        total_epochs: Optional integer. Epochs of all trials together.
        minutes: Optional number. Time of the search.
        wandb: Optional string. Mode of W&B.
        tensorboard: Boolean. Whether there are logs for TensorBoard.
        engine: `"local"`, or `"ray"`, a Ray cluster.
        workers: Integer. Number of trials side by side on a cluster.
        quiet: Boolean. Whether to print lines only.

    Raises:
        ValueError: If one of these cannot be, or if the folder holds something else.
            Nothing is written then.
    """

    def __init__(
        self,
        recipe,
        data,
        epochs,
        seed,
        out,
        trials,
        oracle,
        prune,
        folds,
        total_epochs,
        minutes,
        wandb,
        tensorboard,
        engine,
        workers,
        quiet,
    ):
        check_choice("--engine", engine, ("local", "ray"))
        if workers > 1 and engine == "local":
            raise ValueError("Several --workers need a cluster: --engine ray.")
        self.engine, self.workers = engine, workers
        self.recipe = training.make(recipe, data)
        self.settings = {
            "kind": "search",
            **training.settings(self.recipe, recipe, epochs, seed),
            "trials": trials,
            "oracle": oracle,
            "prune": prune,
            "folds": folds,
        }
        self.quiet = quiet
        # Refused before anything is written, if they cannot be.
        oracle = make_oracle(
            oracle,
            objective=self.recipe.objective,
            max_trials=trials,
            seed=seed,
            pruner=MedianStopping() if prune else None,
            max_total_epochs=total_epochs,
            max_seconds=60 * minutes if minutes else None,
        )
        self.loggers = [WandbLogger("kdl", mode=wandb)] if wandb else []
        folds = CrossValidation(folds) if folds else None
        path = out or Path("runs") / f"{recipe}-tune"
        resumed = folders.occupied(path)
        before = check_identity(path, self.settings) if resumed else None
        self.data = self.recipe.data()
        self.folder = folders.Folder(path, self.settings, before)
        if not resumed:
            # Before the tuner makes files, which alone would be nobody's.
            self.folder.begin()
        if wandb:
            (logger,) = self.loggers
            logger.group, logger.directory = path.name, path
        if tensorboard:
            self.loggers.append(TensorBoardLogger(path / "tensorboard"))
        with contextlib.ExitStack() as held:
            # Let go by the system, if not by us, when the process ends.
            lock = filelock.FileLock(path / ".lock", blocking=False)
            try:
                held.enter_context(lock)
            except filelock.Timeout:
                raise ValueError(f"Another process is searching in {path}.") from None
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
            if trials < there:
                raise ValueError(
                    f"{path} holds {there} trials, so that `--trials` must be {there} "
                    f"or more. Received: {trials}"
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
            self.quiet,
        )
        with self.held, folders.ending(self.folder, console, hint):
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
        if self.engine == "local":
            self.tuner.show(display, self.folder)
            self.tuner.search(**data)
            return

        def ended(trial):
            self.tuner.show(display, self.folder)
            self.tuner.show_end(trial)

        search_on_ray(self.tuner, self.workers, on_trial_end=ended, **data)

    def finish(self, console):
        """Writes what the trials say together."""
        rows = self.tuner.rows()
        self.folder.write_rows(reports.TRIALS, rows)
        for part in reports.trials(self.folder.path, self.settings):
            console.print(part)
        scores = [row[self.settings["objective"]] for row in rows]
        if all(score is None for score in scores):
            console.print("No trial succeeded, so that there is no model.")
            raise typer.Exit(1)
        (best,) = self.tuner.get_best_hyperparameters()
        self.folder.write_hyperparameters(self.settings["recipe"], best.values)
        figure = figures.search(scores, self.recipe.objective)
        self.folder.write_figure("search.png", figure)
        with warnings.catch_warnings():
            # The checkpoint holds an optimizer as well, which the new model has not
            # built yet; testing needs none.
            warnings.filterwarnings("ignore", "Skipping variable loading for optim")
            (model,) = self.tuner.get_best_models()
        training.test(self.recipe, model, self.folder, console)
        console.print(
            "To train with the best hyperparameters: "
            f"kdl run {self.settings['recipe']} --hp {self.folder.path}"
        )


def check_identity(path, settings):
    """Returns the settings in a folder, if they are those of the same search.

    Raises:
        ValueError: If the folder is of another search, or of something else.
    """
    before = reports.read_settings(path)
    if before["kind"] != "search":
        raise ValueError(f"{path} holds a run, not a search. Give --out a new name.")
    other = [key for key in IDENTITY if before.get(key) != settings[key]]
    if other:
        there = ", ".join(f"{key} {before.get(key)}" for key in other)
        here = ", ".join(f"{key} {settings[key]}" for key in other)
        raise ValueError(
            f"{path} holds another search: {there}, not {here}. "
            "Give --out a new name, or ask for the same."
        )
    return before
