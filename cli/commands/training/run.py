"""`kdl run`: one training of a recipe, and the folder that it leaves."""

import dataclasses
from pathlib import Path

import keras

from kdl import recipes
from kdl.callbacks import LogNumbers
from kdl.files import write_json
from kdl_cli.commands import arguments, tracking
from kdl_cli.commands.training.single import Single, SinglePlan, chosen
from kdl_cli.folder import figures, reading, writing
from kdl_cli.folder.record import Record
from kdl_cli.terminal.progress import EpochProgress, Stop
from kdl_cli.terminal.text import command


@dataclasses.dataclass(frozen=True)
class TrainingPlan(SinglePlan):
    """What a training is to do.

    Attributes:
        wandb: Optional string. Mode of Weights & Biases.
    """

    wandb: str | None = None


def plan(options):
    """Returns the `TrainingPlan` of `RunOptions`. Loads and writes nothing.

    Raises:
        ValueError: If an option is invalid.
    """
    options, recipe, named, hp, note = chosen(options)
    # Refuses an unknown mode.
    tracking.loggers(options.wandb)
    settings = {
        "kind": "run",
        **arguments.settings(recipe, named, options),
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
    )


class Training(Single):
    """A training, which `begin` prepares and `perform` runs.

    Args:
        plan: `TrainingPlan`.
    """

    doing = "training"

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
        console.print(f"{plan.note}Training into {path}. Epochs: {epochs}.")
        arguments.tell_data(recipe, path, console, plan.hp)
        progress = EpochProgress(console, epochs, recipe.objective.name)
        keras.utils.set_random_seed(plan.settings["seed"])
        hint = f"`{command('report', path)}` shows what there is."
        with self.held, writing.ending(self.folder, console, hint) as signals:
            record = Record(self.folder, progress)
            with progress.shown(plan.named.title):
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
            if getattr(recipe, "waited", None) is not None:
                share = f"{recipe.waited:.0%}"
                console.print(f"The batches took {share} of the fit's time.")
            console.print(self.folder.listing())
            for line in tracking.lines(plan.wandb, path):
                console.print(line)


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
