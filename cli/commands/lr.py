"""`kdl lr`: a sweep over learning rates, and the folder that it leaves."""

import dataclasses
from pathlib import Path

import keras
import keras_tuner

from kdl import recipes
from kdl.callbacks import LearningRateFinder
from kdl.files import hold, write_json
from kdl_cli.commands import arguments
from kdl_cli.folder import reading, writing
from kdl_cli.terminal.progress import Stop
from kdl_cli.terminal.text import command, short


@dataclasses.dataclass(frozen=True)
class SweepPlan:
    """What a sweep is to do.

    Attributes:
        recipe: `keras_tuner.HyperModel`.
        hp: `keras_tuner.HyperParameters`.
        settings: Dict of plain values, as `settings.json` holds them.
        out: Optional `Path`. The new folder.
        note: String. What was taken from another folder, in a sentence, or empty.
    """

    recipe: keras_tuner.HyperModel
    hp: keras_tuner.HyperParameters
    settings: dict
    out: Path | None = None
    note: str = ""


def plan(options):
    """Returns the `SweepPlan` of `SweepOptions`. Loads and writes nothing.

    Raises:
        ValueError: If an option is invalid.
    """
    options, note = arguments.taken_along(options)
    name = options.recipe
    recipe = arguments.make(name, options.data)
    hp = arguments.hyperparameters(recipe, name, options.hp, options.set_)
    settings = arguments.settings(recipe, name, None, options.seed)
    del settings["epochs"]
    settings = {"kind": "sweep", **settings, "steps": options.steps}
    return SweepPlan(recipe, hp, settings, options.out, note)


class Sweep:
    """A sweep, which `begin` prepares, `perform` runs and `suggest` evaluates.

    Args:
        plan: `SweepPlan`.
    """

    def __init__(self, plan):
        self.plan = plan
        self.finder = LearningRateFinder(steps=plan.settings["steps"])

    def begin(self):
        """Loads the data, then makes the folder and locks it.

        Raises:
            ValueError: If the data or the folder cannot be used. Nothing is written
                then.
        """
        plan, name = self.plan, self.plan.settings["recipe"]
        writing.check_free(plan.out)
        self.data = arguments.load(plan.recipe)
        path = writing.create(plan.out, f"{name}-lr")
        self.folder = writing.Folder(path, plan.settings)
        self.held = hold(path, "trying learning rates")
        self.folder.begin()
        self.folder.write_hyperparameters(name, plan.hp.values)

    def perform(self, console):
        """Sweeps, and writes the losses."""
        plan, path, finder = self.plan, self.folder.path, self.finder
        steps, seed = plan.settings["steps"], plan.settings["seed"]
        console.print(
            f"{plan.note}Trying learning rates in {steps} batches, into {path}."
        )
        keras.utils.set_random_seed(seed)
        # Validation would take time and is not used.
        data = {k: v for k, v in self.data.items() if k != "validation_data"}
        hint = "A sweep cannot be resumed: run the command again."
        with self.held, writing.ending(self.folder, console, hint) as signals:
            recipes.run(
                plan.recipe,
                **data,
                hp=plan.hp,
                # More than enough: the sweep ends the fit.
                epochs=steps,
                seed=seed,
                callbacks=[finder, Stop(signals)],
                verbose=0,
            )
            rows = zip(finder.rates, finder.losses, finder.smoothed, strict=True)
            names = "rate", "loss", "smoothed"
            rows = [dict(zip(names, row, strict=True)) for row in rows]
            self.folder.write_rows(reading.SWEEP, rows)

    def suggest(self, console):
        """Writes two rates, recommends one and says what the other is.

        Raises:
            ValueError: If the losses suggest none.
        """
        finder, path = self.finder, self.folder.path
        suggested = {"valley": finder.valley, "steepest": finder.steepest}
        write_json(path / reading.RESULTS, {"learning_rate": suggested})
        self.folder.write_figure("learning_rate.png", finder.plot())
        console.print(
            f"Learning rate to train with: {short(suggested['valley'])}, halfway down "
            "the longest decline of the loss."
        )
        console.print(
            f"The loss falls fastest at {short(suggested['steepest'])}, which is often "
            "near the largest rate that trains at all."
        )
        console.print(self.folder.listing())
        name = self.plan.settings["recipe"]
        rate, note = self._nearest(suggested["valley"])
        told = ("--hp", path, "--set", f"learning_rate={rate}")
        console.print(f"To train with {note}: {command('run', name, *told)}")

    def _nearest(self, rate):
        """The value of the recipe's own range that is nearest to a rate, in words."""
        rate = float(f"{rate:.4g}")
        for parameter in self.plan.hp.space:
            if parameter.name == "learning_rate":
                low, high = parameter.min_value, parameter.max_value
                nearest = min(max(rate, low), high)
                if nearest != rate:
                    return nearest, f"{nearest}, the nearest of the recipe's rates"
        return rate, "it"
