"""`kdl learn`: from a model that learns anything to one that learns the right thing."""

import keras

from kdl.recipes.training.milestones import best_of, milestones
from kdl_cli.commands import arguments
from kdl_cli.commands.training.run import test
from kdl_cli.commands.training.single import Single, SinglePlan, chosen
from kdl_cli.folder import reading, writing
from kdl_cli.page import lesson
from kdl_cli.terminal.progress import EpochProgress, Stop
from kdl_cli.terminal.text import command, short, written


def plan(options):
    """Returns the `SinglePlan` of `LearnOptions`. Loads and writes nothing.

    Raises:
        ValueError: If an option is invalid.
    """
    options, recipe, named, hp, note = chosen(options)
    settings = {"kind": "lesson", **arguments.settings(recipe, named, options)}
    return SinglePlan(recipe, named, hp, settings, options.out, note, options.objective)


class Lesson(Single):
    """A walk along the milestones, which `begin` prepares and `perform` goes.

    Args:
        plan: `SinglePlan`.
    """

    doing = "learning"
    ending = "-learn"

    def perform(self, console):
        """Trains until the milestones are reached or one cannot be."""
        plan, path, settings = self.plan, self.folder.path, self.plan.settings
        console.print(
            f"{plan.note}Learning anything, everything, the right thing, into {path}. "
            f"Epochs of a training: {settings['epochs']}."
        )
        arguments.tell_data(plan.recipe, path, console, plan.hp)
        hint = f"`{command('report', path)}` shows what there is."
        progress = EpochProgress(console, settings["epochs"], "loss")
        show = keras.callbacks.LambdaCallback(on_epoch_end=progress.update)
        trainings = []
        with self.held, writing.ending(self.folder, console, hint) as signals:
            with progress.shown(plan.named.title):
                for training in milestones(
                    plan.recipe,
                    plan.hp,
                    settings["epochs"],
                    settings["seed"],
                    callbacks=lambda: [show, Stop(signals)],
                ):
                    trainings.append(training)
                    self._write(trainings)
                    for line in lines(training):
                        console.print(line)
            best = best_of(plan.recipe.objective, trainings)
            if best is None:
                console.print(
                    "The road ends here: mend what is broken, and begin again."
                )
            else:
                name = plan.named.name
                self.folder.write_hyperparameters(name, best.hp.values)
                test(plan.recipe, best.model, self.folder, console)
                console.print(
                    "Train with these values: " + command("run", name, "--hp", path)
                )
            console.print(self.folder.listing())

    def _write(self, trainings):
        """Writes the trainings so far, as a table and as a page."""
        rows = [
            {
                "training": number,
                "milestone": training.milestone,
                "reached": training.reached,
                self.plan.recipe.objective.name: training.score,
                "epochs": training.epochs,
                **training.hp.values,
            }
            for number, training in enumerate(trainings, 1)
        ]
        self.folder.write_rows(reading.TRAININGS, rows)
        lesson.write(self.folder.path, self.plan.settings, trainings)


def lines(training):
    """Yields what a terminal shows of a training."""
    changed = "  ".join(f"{k}={written(v)}" for k, v in training.changed.items())
    score = "" if training.score is None else f"  score {short(training.score)}"
    reached = "reached" if training.reached else "not reached"
    yield f"\nLearn {training.milestone}: {reached}{score}"
    if changed:
        yield f"  With {changed}"
    for line in training.report.splitlines():
        yield f"  {line}"
