"""`kdl run`: one training of a recipe, and the folder that it leaves."""

import keras

from kdl import recipes
from kdl.callbacks import LogNumbers, WandbLogger
from kdl.callbacks.log_values import Scalars
from kdl.files import hold, write_json
from kdl_cli.commands import arguments
from kdl_cli.folder import figures, reading, writing
from kdl_cli.folder.record import Record
from kdl_cli.terminal.progress import EpochProgress, Stop
from kdl_cli.terminal.text import command


class Training:
    """A training that has been found possible, in a folder of its own.

    Args:
        options: `RunOptions`.

    Raises:
        ValueError: If one of these cannot be. Nothing is written then.
    """

    def __init__(self, options):
        options, self.note = arguments.taken_along(options)
        name = options.recipe
        self.recipe = arguments.make(name, options.data)
        self.hp = arguments.hyperparameters(self.recipe, name, options.hp, options.set_)
        # Refuses a mode that there is not before anything is written.
        given = options.wandb is not None
        logger = WandbLogger("kdl", mode=options.wandb) if given else None
        self.settings = {
            "kind": "run",
            **arguments.settings(self.recipe, name, options.epochs, options.seed),
        }
        writing.check_free(options.out)
        # Loads them, perhaps over a network; all else has been checked.
        self.data = arguments.load(self.recipe)
        self.folder = writing.Folder(writing.create(options.out, name), self.settings)
        self.held = hold(self.folder.path, "training")
        self.folder.begin()
        self.folder.write_hyperparameters(name, self.hp.values)
        if logger:
            path = self.folder.path
            logger.name, logger.directory = path.name, path
            logger.config = {**self.settings, **self.hp.values}
        self.loggers = [logger] if logger else []

    def perform(self, console):
        """Trains, tests and writes the results."""
        path, epochs = self.folder.path, self.settings["epochs"]
        console.print(f"{self.note}Training into {path}. Epochs: {epochs}.")
        progress = EpochProgress(console, epochs, self.recipe.objective.name)
        keras.utils.set_random_seed(self.settings["seed"])
        hint = f"`{command('report', path)}` shows what there is."
        with self.held, writing.ending(self.folder, console, hint) as signals:
            record = Record(self.folder, progress)
            with progress.shown(self.settings["recipe"]):
                model, history = recipes.run(
                    self.recipe,
                    **self.data,
                    hp=self.hp,
                    epochs=epochs,
                    seed=self.settings["seed"],
                    callbacks=[LogNumbers(), record, *self.loggers, Stop(signals)],
                    verbose=0,
                )
            figure = figures.curves(history.history, self.recipe.objective)
            self.folder.write_figure("curves.png", figure)
            test(self.recipe, model, self.folder, console)


def test(recipe, model, folder, console):
    """Evaluates a model on the test set once, and writes what came of it."""
    data = recipe.test_data()
    scores = model.evaluate(**data, verbose=0, return_dict=True)
    scores = Scalars(reading.RESULTS)(scores)
    write_json(folder.path / reading.RESULTS, {"test": scores})
    folder.write_model(model)
    for name, part in recipe.examine(model).items():
        write = folder.write_rows if name.endswith(".csv") else folder.write_figure
        write(name, part)
    line = "  ".join(f"{name} {score:.4f}" for name, score in scores.items())
    console.print(f"Test set, {len(data['y'])} examples: {line}")
    console.print(folder.listing())
