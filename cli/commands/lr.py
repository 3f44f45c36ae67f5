"""`kdl lr`: a sweep over learning rates, and the folder that it leaves."""

import keras

from kdl import recipes
from kdl.callbacks import LearningRateFinder
from kdl.files import hold, write_json
from kdl_cli.commands import arguments
from kdl_cli.folder import reading, writing
from kdl_cli.terminal.progress import Stop
from kdl_cli.terminal.text import command, short


class Sweep:
    """A sweep that has been found possible, in a folder of its own.

    Args:
        options: `SweepOptions`.

    Raises:
        ValueError: If one of these cannot be. Nothing is written then.
    """

    def __init__(self, options):
        options, self.note = arguments.taken_along(options)
        name = options.recipe
        self.recipe = arguments.make(name, options.data)
        self.hp = arguments.hyperparameters(self.recipe, name, options.hp, options.set_)
        self.finder = LearningRateFinder(steps=options.steps)
        settings = arguments.settings(self.recipe, name, None, options.seed)
        del settings["epochs"]
        self.settings = {"kind": "sweep", **settings, "steps": options.steps}
        writing.check_free(options.out)
        # Loads them, perhaps over a network; all else has been checked.
        self.data = arguments.load(self.recipe)
        path = writing.create(options.out, f"{name}-lr")
        self.folder = writing.Folder(path, self.settings)
        self.held = hold(path, "trying learning rates")
        self.folder.begin()
        self.folder.write_hyperparameters(name, self.hp.values)

    def perform(self, console):
        """Sweeps, and writes the losses."""
        path, finder, steps = self.folder.path, self.finder, self.settings["steps"]
        console.print(
            f"{self.note}Trying learning rates in {steps} batches, into {path}."
        )
        keras.utils.set_random_seed(self.settings["seed"])
        # What the validation would cost tells nothing here.
        data = {k: v for k, v in self.data.items() if k != "validation_data"}
        hint = "There is nothing to go on with: begin anew."
        with self.held, writing.ending(self.folder, console, hint) as signals:
            recipes.run(
                self.recipe,
                **data,
                hp=self.hp,
                # More than enough: the sweep ends the arguments.
                epochs=steps,
                seed=self.settings["seed"],
                callbacks=[finder, Stop(signals)],
                verbose=0,
            )
            rows = zip(finder.rates, finder.losses, finder.smoothed, strict=True)
            names = "rate", "loss", "smoothed"
            rows = [dict(zip(names, row, strict=True)) for row in rows]
            self.folder.write_rows(reading.SWEEP, rows)

    def suggest(self, console):
        """Writes the rates, advises one to start with, and says what the other is.

        Raises:
            ValueError: If the losses tell of none.
        """
        finder, path = self.finder, self.folder.path
        suggested = {"valley": finder.valley, "steepest": finder.steepest}
        write_json(path / reading.RESULTS, {"learning_rate": suggested})
        self.folder.write_figure("learning_rate.png", finder.plot())
        console.print(
            f"Learning rate to start with: {short(suggested['valley'])}, valley: "
            "halfway down the longest decline of the loss."
        )
        console.print(
            f"Steepest: {short(suggested['steepest'])}, where the loss falls fastest. "
            "It is often near the largest rate that trains at all."
        )
        console.print(self.folder.listing())
        name = self.settings["recipe"]
        rate, note = self._nearest(suggested["valley"])
        told = ("--hp", path, "--set", f"learning_rate={rate}")
        console.print(f"To train with {note}: {command('run', name, *told)}")

    def _nearest(self, rate):
        """The value of the recipe's own range that is nearest to a rate, in words."""
        rate = float(f"{rate:.4g}")
        for parameter in self.hp.space:
            if parameter.name == "learning_rate":
                low, high = parameter.min_value, parameter.max_value
                nearest = min(max(rate, low), high)
                if nearest != rate:
                    return nearest, f"{nearest}, the nearest of the recipe's rates"
        return rate, "it"
