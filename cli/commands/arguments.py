"""Recipe, data, settings and hyperparameters from the options."""

import contextlib
import dataclasses
import json

import keras

from kdl import recipes
from kdl_cli.commands import catalogue
from kdl_cli.folder import reading


def make(name, data):
    """Returns the recipe of this name, on its own data unless others are given."""
    recipe = catalogue.find(name)
    with names_data():
        return recipe() if data is None else recipe(data)


def load(recipe):
    """Returns the training data of a recipe.

    Raises:
        ValueError: If the data do not exist, or the recipe cannot learn them.
    """
    with names_data():
        return recipe.data()


@contextlib.contextmanager
def names_data():
    """Makes errors about the `source` of a recipe name the option `--data`."""
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

    A file of hyperparameters has neither, nor has a folder that is not that of a run,
    a search or a sweep.

    Args:
        options: Options with `hp`.

    Returns:
        Tuple of the new options, and a sentence that says what was taken, or an empty
        string.

    Raises:
        ValueError: If the settings in the folder are damaged.
    """
    folder = options.hp
    if folder is None or not (folder / reading.SETTINGS).exists():
        return options, ""
    there = reading.read_settings(folder)
    taken = {
        name: there[name]
        for name in ("data", "epochs")
        if getattr(options, name, "given") is None and there.get(name) is not None
    }
    if not taken:
        return options, ""
    names = " and ".join(f"{name} {value}" for name, value in taken.items())
    return dataclasses.replace(options, **taken), f"From {folder}: {names}. "


def settings(recipe, name, epochs, seed):
    """Returns the settings that all commands record, with defaults filled in."""
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
        ValueError: If the recipe lacks a hyperparameter or does not allow its value.
    """
    values = read_hyperparameters(path, name) if path else {}
    return recipes.hyperparameters(recipe, values | changed(changes))


def read_hyperparameters(path, recipe):
    """Returns the values in a file, or folder, of hyperparameters of this recipe.

    Raises:
        ValueError: If the file is not one, or is of another recipe.
    """
    if path.is_dir():
        path = path / reading.HYPERPARAMETERS
    other, values = reading.read_hyperparameters(path)
    if other != recipe:
        raise ValueError(
            f"{path} holds hyperparameters of the recipe {other!r}, not of {recipe!r}."
        )
    return values


def changed(settings):
    """Returns a dict of what several `--set` give; of two, the last one counts."""
    return dict(map(parse, settings or []))


def parse(setting):
    """Returns name and value of `NAME=VALUE`."""
    name, text = split("--set", setting)
    return name, value(text)


def split(option, text):
    """Returns what stands before and after the first `=` of an option's text.

    Raises:
        ValueError: If there is no `=`, or nothing before it.
    """
    name, separator, rest = text.partition("=")
    if not separator or not name:
        raise malformed(option, text)
    return name, rest


def malformed(option, text):
    """Returns the error about a text that is not of the form of its option."""
    form, example = _FORMS[option]
    return ValueError(f"`{option}` must be {form}, as in {example}. Received: {text!r}")


_FORMS = {
    "--set": ("NAME=VALUE", "batch_size=64"),
    "--range": ("NAME=LOW,HIGH", "learning_rate=0.001,0.01"),
    "--choices": ("NAME=A,B", "batch_size=16,32"),
}


def value(text):
    """Returns the value that a text is as JSON, or else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
