"""`kdl run`: one training of a recipe, and the folder that it leaves."""

import dataclasses
from pathlib import Path

import keras
import keras_tuner

from kdl import recipes
from kdl.callbacks import LogNumbers
from kdl.callbacks.log_values import Scalars
from kdl.files import hold, write_json
from kdl_cli.commands import arguments, tracking
from kdl_cli.folder import figures, reading, writing
from kdl_cli.folder.record import Record
from kdl_cli.terminal.progress import EpochProgress, Stop
from kdl_cli.terminal.text import command


@dataclasses.dataclass(frozen=True)
class TrainingPlan:
    """What a training is to do.

    Attributes:
        recipe: `keras_tuner.HyperModel`.
        hp: `keras_tuner.HyperParameters`.
        settings: Dict of plain values, as `settings.json` holds them.
        out: Optional `Path`. The new folder.
        wandb: Optional string. Mode of Weights & Biases.
        note: String. What was taken from another folder, in a sentence, or empty.
    """

    recipe: keras_tuner.HyperModel
    hp: keras_tuner.HyperParameters
    settings: dict
    out: Path | None = None
    wandb: str | None = None
    note: str = ""


def plan(options):
    """Returns the `TrainingPlan` of `RunOptions`. Loads and writes nothing.

    Raises:
        ValueError: If an option is invalid.
    """
    options, note = arguments.taken_along(options)
    name = options.recipe
    recipe = arguments.make(name, options.data)
    hp = arguments.hyperparameters(recipe, name, options.hp, options.set_)
    # Refuses an unknown mode.
    tracking.loggers(options.wandb)
    settings = {
        "kind": "run",
        **arguments.settings(recipe, name, options.epochs, options.seed),
    }
    return TrainingPlan(recipe, hp, settings, options.out, options.wandb, note)


class Training:
    """A training, which `begin` prepares and `perform` runs.

    Args:
        plan: `TrainingPlan`.
    """

    def __init__(self, plan):
        self.plan = plan

    def begin(self):
        """Loads the data, then makes the folder and locks it.

        Raises:
            ValueError: If the data or the folder cannot be used. Nothing is written
                then.
        """
        plan, name = self.plan, self.plan.settings["recipe"]
        writing.check_free(plan.out)
        self.data = arguments.load(plan.recipe)
        path = writing.create(plan.out, name)
        self.folder = writing.Folder(path, plan.settings)
        self.held = hold(path, "training")
        self.folder.begin()
        self.folder.write_hyperparameters(name, plan.hp.values)
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
        console.print(f"{plan.note}Training into {path}. Epochs: {epochs}.")
        progress = EpochProgress(console, epochs, recipe.objective.name)
        keras.utils.set_random_seed(plan.settings["seed"])
        hint = f"`{command('report', path)}` shows what there is."
        with self.held, writing.ending(self.folder, console, hint) as signals:
            record = Record(self.folder, progress)
            with progress.shown(plan.settings["recipe"]):
                model, history = recipes.run(
                    recipe,
                    **self.data,
                    hp=plan.hp,
                    epochs=epochs,
                    seed=plan.settings["seed"],
                    callbacks=[LogNumbers(), record, *self.loggers, Stop(signals)],
                    verbose=0,
                )
            figure = figures.curves(history.history, recipe.objective)
            self.folder.write_figure("curves.png", figure)
            test(recipe, model, self.folder, console)
            console.print(self.folder.listing())
            for line in tracking.lines(plan.wandb, path):
                console.print(line)


def test(recipe, model, folder, console):
    """Evaluates a model on the test set, and writes results, model and pictures.

    Beside the model stands what the recipe needs to predict with it.

    Returns:
        Dict of loss and metrics on the test set.
    """
    scores = evaluate(recipe, model)
    write_json(folder.path / reading.RESULTS, {"test": scores})
    folder.write_model(model)
    if hasattr(recipe, "get_state"):
        write_json(folder.path / reading.STATE, recipe.get_state())
    for name, part in recipe.examine(model).items():
        write = folder.write_rows if name.endswith(".csv") else folder.write_figure
        write(name, part)
    count = len(recipe.test_data()["y"])
    line = "  ".join(f"{name} {score:.4f}" for name, score in scores.items())
    console.print(f"Test set, {count} examples: {line}")
    return scores


def evaluate(recipe, model):
    """Returns a dict of a model's loss and metrics on the test set."""
    scores = model.evaluate(**recipe.test_data(), verbose=0, return_dict=True)
    return Scalars(reading.RESULTS)(scores)
