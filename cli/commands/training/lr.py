"""`kdl lr`: a sweep over learning rates, and the folder that it leaves."""

import keras

from kdl import recipes
from kdl.callbacks import LearningRateFinder
from kdl.files import write_json
from kdl_cli.commands import arguments
from kdl_cli.commands.training.single import Single, SinglePlan, chosen
from kdl_cli.folder import reading, writing
from kdl_cli.terminal.progress import Stop
from kdl_cli.terminal.text import command, short


def plan(options):
    """Returns the `SinglePlan` of `SweepOptions`. Loads and writes nothing.

    Raises:
        ValueError: If an option is invalid.
    """
    options, recipe, named, hp, note = chosen(options)
    for parameter in hp.space:
        if parameter.name == "learning_rate" and not hp.is_active(parameter):
            (*_, condition) = parameter.conditions
            raise ValueError(
                f"There is no learning rate to find unless `{condition.name}` is one "
                f"of {', '.join(map(repr, condition.values))}."
            )
    settings = arguments.settings(recipe, named, options)
    del settings["epochs"]
    settings = {"kind": "sweep", **settings, "steps": options.steps}
    return SinglePlan(recipe, named, hp, settings, options.out, note, options.objective)


class Sweep(Single):
    """A sweep, which `begin` prepares, `perform` runs and `suggest` evaluates.

    Args:
        plan: `SinglePlan`.
    """

    doing = "trying learning rates"
    ending = "-lr"

    def __init__(self, plan):
        super().__init__(plan)
        self.finder = LearningRateFinder(steps=plan.settings["steps"])

    def perform(self, console):
        """Sweeps, and writes the losses."""
        plan, path, finder = self.plan, self.folder.path, self.finder
        steps, seed = plan.settings["steps"], plan.settings["seed"]
        console.print(
            f"{plan.note}Trying learning rates in {steps} batches, into {path}."
        )
        arguments.tell_data(plan.recipe, path, console, plan.hp)
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
        if "learning_rate" not in self.plan.hp.values:
            console.print(
                f"{name} has no hyperparameter `learning_rate`: set the rate where it "
                "makes its optimizer."
            )
            return
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
