"""`kdl lr`: a sweep over learning rates, and the folder that it leaves."""

import keras

from kdl import recipes
from kdl.callbacks import LearningRateFinder
from kdl.files import write_json
from kdl_cli import folders, reports, training


class Sweep:
    """A sweep that has been found possible, in a folder of its own.

    Args:
        options: `SweepOptions`.

    Raises:
        ValueError: If one of these cannot be. Nothing is written then.
    """

    def __init__(self, options):
        name, changes = options.recipe, options.set_ or []
        self.recipe = training.make(name, options.data)
        self.hp = training.hyperparameters(self.recipe, name, options.hp, changes)
        self.finder = LearningRateFinder(steps=options.steps)
        settings = training.settings(self.recipe, name, None, options.seed)
        del settings["epochs"]
        self.settings = {"kind": "sweep", **settings, "steps": options.steps}
        folders.check_free(options.out)
        # Loads them, perhaps over a network; all else has been checked.
        self.data = self.recipe.data()
        path = folders.create(options.out, f"{name}-lr")
        self.folder = folders.Folder(path, self.settings)
        self.folder.begin()
        self.folder.write_hyperparameters(name, self.hp.values)

    def perform(self, console):
        """Sweeps, and writes the losses."""
        path, finder, steps = self.folder.path, self.finder, self.settings["steps"]
        console.print(f"Trying learning rates in {steps} batches, into {path}.")
        keras.utils.set_random_seed(self.settings["seed"])
        # What the validation would cost tells nothing here.
        data = {k: v for k, v in self.data.items() if k != "validation_data"}
        hint = "There is nothing to go on with: begin anew."
        with folders.ending(self.folder, console, hint):
            recipes.run(
                self.recipe,
                **data,
                hp=self.hp,
                # More than enough: the sweep ends the training.
                epochs=steps,
                seed=self.settings["seed"],
                callbacks=[finder],
                verbose=0,
            )
            rows = zip(finder.rates, finder.losses, finder.smoothed, strict=True)
            names = "rate", "loss", "smoothed"
            rows = [dict(zip(names, row, strict=True)) for row in rows]
            self.folder.write_rows(reports.SWEEP, rows)

    def suggest(self, console):
        """Writes and prints the rates to start with.

        Raises:
            ValueError: If the losses tell of none.
        """
        finder = self.finder
        suggested = {"valley": finder.valley, "steepest": finder.steepest}
        results = {"learning_rate": suggested}
        write_json(self.folder.path / reports.RESULTS, results)
        self.folder.write_figure("learning_rate.png", finder.plot())
        console.print(reports.values_table(suggested))
        console.print(self.folder.listing())
