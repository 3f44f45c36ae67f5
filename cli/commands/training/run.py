"""`kdl run`: one training of a recipe, and the folder that it leaves."""

import dataclasses
from pathlib import Path

import keras

from kdl import recipes
from kdl.callbacks import LogNumbers, Resume
from kdl.files import write_json
from kdl.parallel import DataParallel
from kdl_cli.commands import arguments, tracking
from kdl_cli.commands.training import devices
from kdl_cli.commands.training.single import Single, SinglePlan, chosen
from kdl_cli.folder import figures, reading, writing
from kdl_cli.folder.record import Record
from kdl_cli.options.single import RunOptions
from kdl_cli.terminal.progress import EpochProgress, Stop
from kdl_cli.terminal.text import command

# Settings in which a run and the one that goes on with it have to agree.
IDENTITY = (
    *("recipe", "data", "objective", "epochs", "seed", "backend", "precision"),
    *("devices", *reading.EXTRAS),
)
CHECKPOINT = "checkpoint"


@dataclasses.dataclass(frozen=True)
class TrainingPlan(SinglePlan):
    """What a training is to do.

    Attributes:
        wandb: Optional string. Mode of Weights & Biases.
        options: `RunOptions`.
        parallel: `kdl.parallel.DataParallel`, or `None` for one device.
    """

    wandb: str | None = None
    options: RunOptions | None = None
    parallel: DataParallel | None = None

    def fit(self, path, callbacks=()):
        """Returns the keyword arguments of a fit, besides the data.

        On several devices, of which one may be lost, it goes on from a checkpoint.

        Args:
            path: `Path` of the folder.
            callbacks: List of callbacks that come first.
        """
        callbacks = list(callbacks)
        if self.parallel is not None:
            callbacks.append(Resume(path / CHECKPOINT))
        return {
            "hp": self.hp,
            "epochs": self.settings["epochs"],
            "seed": self.settings["seed"],
            "callbacks": callbacks,
            "verbose": 0,
        }


def plan(options):
    """Returns the `TrainingPlan` of `RunOptions`. Loads and writes nothing.

    Raises:
        ValueError: If an option is invalid.
    """
    # Before anything is computed, after which a CPU has no more devices.
    parallel = devices.data_parallel(options.devices)
    options, recipe, named, hp, note = chosen(options)
    # Refuses an unknown mode.
    tracking.loggers(options.wandb)
    settings = {
        "kind": "run",
        **arguments.settings(recipe, named, options),
        **({"devices": options.devices} if parallel else {}),
    }
    return TrainingPlan(
        recipe,
        named,
        hp,
        settings,
        options.out,
        note,
        options.objective,
        options.wandb,
        options,
        parallel,
    )


class Training(Single):
    """A training, which `begin` prepares and `perform` runs.

    Args:
        plan: `TrainingPlan`.
    """

    doing = "training"

    def before(self):
        plan, path = self.plan, self.plan.out
        if path is None or not (path / CHECKPOINT).is_dir():
            return None
        before = writing.check_same(path, plan.settings, identity)
        _, values = reading.read_hyperparameters(path / reading.HYPERPARAMETERS)
        if values != plan.hp.values:
            raise ValueError(
                f"{path} holds another run, of other hyperparameters. Give --out a new "
                "name, or use the same options."
            )
        return before

    def begin(self):
        super().begin()
        plan, path = self.plan, self.folder.path
        tracking.silence()
        self.loggers = tracking.loggers(
            plan.wandb,
            name=path.name,
            directory=path,
            config={**plan.settings, **plan.hp.values},
        )

    def perform(self, console):
        """Trains, tests and writes the results."""
        plan, path = self.plan, self.folder.path
        recipe, epochs = plan.recipe, plan.settings["epochs"]
        # Of a run that is gone on with.
        rows = reading.read_rows(path / reading.HISTORY)
        begins = "Resuming the run in" if rows else "Training into"
        console.print(f"{plan.note}{begins} {path}. Epochs: {epochs}.")
        arguments.tell_data(recipe, path, console, plan.hp)
        progress = EpochProgress(console, epochs, recipe.objective.name)
        keras.utils.set_random_seed(plan.settings["seed"])
        hint = f"`{command('report', path)}` shows what there is."
        if plan.parallel is not None:
            hint = f"Run the same command with --out {path} to resume it."
        with self.held, writing.ending(self.folder, console, hint) as signals:
            record = Record(self.folder, progress, rows)
            options = dataclasses.replace(plan.options, out=path)
            callbacks = [LogNumbers(), record, *self.loggers, Stop(signals)]
            with (
                progress.shown(plan.named.title),
                devices.training(plan.parallel, options, hint),
            ):
                model, history = recipes.run(
                    recipe, **self.data, **plan.fit(path, callbacks)
                )
            if plan.parallel is not None:
                (path / CHECKPOINT).rmdir()
            figure = figures.curves(history.history, recipe.objective)
            self.folder.write_figure("curves.png", figure)
            test(recipe, model, self.folder, console)
            if getattr(recipe, "waited", None) is not None:
                share = f"{recipe.waited:.0%}"
                console.print(f"The batches took {share} of the fit's time.")
            console.print(self.folder.listing())
            for line in tracking.lines(plan.wandb, path):
                console.print(line)


def identity(settings):
    """Returns the settings in which a run that resumes another has to agree."""
    return arguments.identity(settings, IDENTITY)


def test(recipe, model, folder, console):
    """Evaluates a model on the test set, and writes results, model and pictures.

    Beside the model stands what the recipe needs to predict with it.

    Returns:
        Dict of loss and metrics on the test set.
    """
    scores = arguments.evaluate(recipe, model)
    write_json(folder.path / reading.RESULTS, {"test": scores})
    folder.write_model(model)
    write_json(folder.path / reading.STATE, recipe.get_state(model))
    examine(recipe, model, folder)
    tell(recipe, scores, console)
    return scores


def examine(recipe, model, folder):
    """Writes what a recipe makes of the test set, pictures and tables."""
    for name, part in recipe.examine(model).items():
        write = {
            ".csv": folder.write_rows,
            ".gif": folder.write_animation,
            ".png": folder.write_figure,
        }[Path(name).suffix]
        write(name, part)


def tell(recipe, scores, console):
    """Prints the scores on the test set."""
    line = "  ".join(f"{name} {score:.4f}" for name, score in scores.items())
    count = len(recipe.splits.test[1])
    examples = f"{count} example{'s' if count > 1 else ''}"
    console.print(f"Test set, {examples}: {line}")
