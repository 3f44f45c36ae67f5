"""`kdl run`: one training of a recipe, and the folder that it leaves."""

import contextlib
import dataclasses
import json

import keras

from kdl import recipes
from kdl.callbacks import LogNumbers, WandbLogger
from kdl.callbacks.log_values import Scalars
from kdl.files import hold, write_json
from kdl_cli import catalogue, figures, folders, reports
from kdl_cli.progress import EpochProgress, Record, Stop


class Training:
    """A training that has been found possible, in a folder of its own.

    Args:
        options: `RunOptions`.

    Raises:
        ValueError: If one of these cannot be. Nothing is written then.
    """

    def __init__(self, options):
        options, self.note = taken_along(options)
        name = options.recipe
        self.recipe = make(name, options.data)
        self.hp = hyperparameters(self.recipe, name, options.hp, options.set_)
        # Refuses a mode that there is not before anything is written.
        given = options.wandb is not None
        logger = WandbLogger("kdl", mode=options.wandb) if given else None
        self.settings = {
            "kind": "run",
            **settings(self.recipe, name, options.epochs, options.seed),
        }
        folders.check_free(options.out)
        # Loads them, perhaps over a network; all else has been checked.
        self.data = load(self.recipe)
        self.folder = folders.Folder(folders.create(options.out, name), self.settings)
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
        hint = f"`{reports.command('report', path)}` shows what there is."
        with self.held, folders.ending(self.folder, console, hint) as signals:
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


def make(name, data):
    """Returns the recipe of this name, on a source of data or on its own."""
    recipe = catalogue.find(name)
    with names_data():
        return recipe() if data is None else recipe(data)


def load(recipe):
    """Returns the training data of a recipe, which are `--data` on a command line.

    Raises:
        ValueError: If there are none of this name, or none that the recipe can learn.
    """
    with names_data():
        return recipe.data()


@contextlib.contextmanager
def names_data():
    """Has errors about the `source` of a recipe call it as the user did."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        for word, option in (
            (", 'pairs:PATH' or a `kdl.data.Splits`", " or 'pairs:PATH'"),
            ("`source`", "`--data`"),
            ("source=", "--data="),
        ):
            text = text.replace(word, option)
        raise ValueError(text) from None


def taken_along(options):
    """Takes data and epochs from the folder of `--hp`, unless they are given.

    A file of hyperparameters says nothing of them, nor does a folder that is not that
    of a run, a search or a sweep.

    Args:
        options: Options with `hp`.

    Returns:
        Tuple of the options with what was taken, and a sentence that says so, empty
        if nothing was.

    Raises:
        ValueError: If the settings in the folder are damaged.
    """
    folder = options.hp
    if folder is None or not (folder / reports.SETTINGS).exists():
        return options, ""
    there = reports.read_settings(folder)
    taken = {
        name: there[name]
        for name in ("data", "epochs")
        if getattr(options, name, "given") is None and there.get(name) is not None
    }
    if not taken:
        return options, ""
    names = " and ".join(f"{name} {value}" for name, value in taken.items())
    return dataclasses.replace(options, **taken), f"As {folder} has it: {names}. "


def settings(recipe, name, epochs, seed):
    """What a run and a search note of what was asked for, defaults filled in."""
    return {
        "recipe": name,
        "data": recipe.source,
        "epochs": epochs or recipe.epochs,
        "seed": seed,
        "objective": recipe.objective.name,
        "direction": recipe.objective.direction,
        "backend": keras.backend.backend(),
    }


def hyperparameters(recipe, name, path, changes):
    """Returns hyperparameters of a recipe: its own, those of a file, and changes.

    Raises:
        ValueError: If the recipe does not have one, or not with this value.
    """
    values = read_hyperparameters(path, name) if path else {}
    return recipes.hyperparameters(recipe, values | changed(changes))


def read_hyperparameters(path, recipe):
    """Returns the values in a file, or folder, of hyperparameters of this recipe.

    Raises:
        ValueError: If the file is not one, or is of another recipe.
    """
    if path.is_dir():
        path = path / reports.HYPERPARAMETERS
    other, values = reports.read_hyperparameters(path)
    if other != recipe:
        raise ValueError(
            f"{path} holds hyperparameters of the recipe {other!r}, not of {recipe!r}."
        )
    return values


def changed(settings):
    """Returns a dict of what several `--set` give; of two, the last one counts."""
    return dict(map(parse, settings or []))


def parse(setting):
    """Splits `name=value`; a value that is not JSON is a string."""
    name, separator, text = setting.partition("=")
    if not separator or not name:
        raise ValueError(
            f"`--set` must be NAME=VALUE, as in batch_size=64. Received: {setting!r}"
        )
    try:
        return name, json.loads(text)
    except (ValueError, RecursionError):
        return name, text


def test(recipe, model, folder, console):
    """Evaluates a model on the test set once, and writes what came of it."""
    data = recipe.test_data()
    scores = model.evaluate(**data, verbose=0, return_dict=True)
    scores = Scalars(reports.RESULTS)(scores)
    write_json(folder.path / reports.RESULTS, {"test": scores})
    folder.write_model(model)
    for name, part in recipe.examine(model).items():
        write = folder.write_rows if name.endswith(".csv") else folder.write_figure
        write(name, part)
    line = "  ".join(f"{name} {score:.4f}" for name, score in scores.items())
    console.print(f"Test set, {len(data['y'])} examples: {line}")
    console.print(folder.listing())
