"""Recipe, data, settings and hyperparameters from the options."""

import contextlib
import dataclasses
import json
import re

import keras
import keras_tuner
from keras_tuner.engine.metrics_tracking import infer_metric_direction

from kdl import recipes
from kdl.callbacks.log_values import Scalars
from kdl.checks import check_choice
from kdl.files import write_json
from kdl.recipes.own import named
from kdl.recipes.training.precision import check_precision
from kdl.tuning.goals.costs import COSTS
from kdl_cli.folder import metrics, reading
from kdl_cli.terminal.data import data_lines


def make(options):
    """Returns the recipe of some options, and the `Named` that it was made of.

    It has its own data and objective unless others are given.

    Raises:
        ValueError: If there is no such recipe, or not with these data.
    """
    found = named.find(options.recipe)
    objective = None
    if options.objective is not None:
        objective = keras_tuner.Objective(
            *metrics.directed("--objective", options.objective, infer_metric_direction)
        )
    with names_data():
        recipe = found.make(options.data, objective, extras(options))
    if options.precision is not None:
        # In the words of the command line.
        check_precision("--precision", options.precision, recipe.precisions)
        recipe.precision = options.precision
    return recipe, found


def extras(options):
    """Returns what else a recipe is to take besides its data, by name."""
    given = {name: getattr(options, name) for name in reading.EXTRAS}
    return {name: value for name, value in given.items() if value is not None}


def check_objective(recipe, hp, given, goal=None):
    """Refuses an objective that was given and that the model does not compute.

    So it does with constraints and with each of several objectives.

    Args:
        recipe: `kdl.recipes.Recipe`.
        hp: `keras_tuner.HyperParameters`.
        given: Optional string. The option `--objective`.
        goal: Optional `kdl.tuning.goals.goal.Goal` of a search.
    """
    is_given = given is not None or (goal is not None and not goal.is_plain)
    # What a `fit` of the user's own reports is known only after it.
    if not is_given or recipe.fits_by_itself:
        return
    # Only a model that has seen data knows its metrics.
    scores = evaluate(recipe, recipe.build(hp))
    known = [f"{prefix}{name}" for prefix in ("val_", "") for name in scores]
    if goal is None:
        check_choice("--objective", recipe.objective.name, known)
        return
    for option, parts in (
        ("--objective", goal.objectives),
        ("--constraint", goal.constraints),
    ):
        for part in parts:
            check_choice(option, part.name, [*known, *COSTS])


def evaluate(recipe, model):
    """Returns a dict of a model's loss and metrics on the test set, floats."""
    return Scalars(reading.RESULTS)(recipe.evaluate(model))


def load(recipe):
    """Returns the training data of a recipe.

    Raises:
        ValueError: If the data do not exist, or the recipe cannot learn them.
    """
    with names_data():
        return recipe.data()


def tell_data(recipe, folder, console, hp=None):
    """Writes into a folder what the data of a recipe are, and prints it.

    What the recipe remarks on them follows.

    Of a recipe that has a `data` of its own, they may be anything.
    """
    if type(recipe).data is not recipes.Recipe.data:
        return
    summary = recipe.splits.summary()
    write_json(folder / reading.DATA, summary)
    for line in data_lines(summary):
        console.print(line, style="yellow" if line.startswith("Warning") else None)
    for line in recipe.remarks(hp):
        console.print(line)


def trained(options, source=None):
    """Returns the recipe and the model in the folder of some options.

    Args:
        options: Options with `folder` and `recipe`, and maybe `tta`.
        source: Optional string. Other data.

    Raises:
        ValueError: If the folder is of something else, or its recipe is the user's
            and not named, or has no variants of an input to average over.
    """
    with names_data():
        try:
            recipe, model = recipes.load(options.folder, options.recipe, source)
        except ValueError as error:
            # As an option.
            way = r"give `recipe`, as in recipe='(.*)'"
            text = re.sub(way, r"give --recipe \1", str(error))
            if text == str(error):
                raise
            raise ValueError(text) from None
    count = getattr(options, "tta", None)
    if count is None:
        return recipe, model
    path, hp = options.folder / reading.HYPERPARAMETERS, None
    if path.exists():
        _, hp = reading.read_hyperparameters(path)
    return recipe, recipe.averaged(model, count, hp)


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
    """Takes data, epochs and objective from the folder of `--hp`, unless given.

    The objective is taken if it was given there, too.

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
    there |= {"objective": there.get("objective_given")}
    taken = {
        name: there[name]
        for name in ("data", "epochs", "objective", "precision", *reading.EXTRAS)
        if getattr(options, name, "given") is None and there.get(name) is not None
    }
    if not taken:
        return options, ""
    names = " and ".join(f"{name} {value}" for name, value in taken.items())
    return dataclasses.replace(options, **taken), f"From {folder}: {names}. "


def settings(recipe, found, options):
    """Returns the settings that all commands record, with defaults filled in.

    Args:
        recipe: `kdl.recipes.Recipe`.
        found: `Named` that it was made of.
        options: Options of the command.
    """
    own = {} if found.file is None else {"recipe_sha256": found.sha256}
    own |= extras(options)
    if options.objective is not None:
        own["objective_given"] = options.objective
    if getattr(options, "deterministic", False):
        own["deterministic"] = True
    if recipe.precision != "float32":
        own["precision"] = recipe.precision
    return {
        "recipe": found.name,
        **own,
        # Arrays in a file of the user have no name.
        "data": recipe.source if isinstance(recipe.source, str) else None,
        "epochs": getattr(options, "epochs", None) or recipe.epochs,
        "seed": options.seed,
        "objective": recipe.objective.name,
        "direction": recipe.objective.direction,
        "backend": backend(),
    }


def backend():
    """The name of Keras's backend."""
    return keras.backend.backend()


def identity(settings, names):
    """Returns some of the settings, as two folders are compared by them."""
    found = {name: settings.get(name) for name in names}
    return found | {"recipe": reading.basename(settings["recipe"])}


def hyperparameters(recipe, name, path, changes):
    """Returns hyperparameters of a recipe: its own, those of a file, and changes.

    Raises:
        ValueError: If the recipe lacks a hyperparameter or does not allow its value.
    """
    values = read_hyperparameters(path, name) if path else {}
    values |= changed(changes)
    if not recipe.fits_by_itself:
        return recipes.hyperparameters(recipe, values)
    # Those that its `fit` declares are known only then.
    known = recipes.hyperparameters(recipe, {}).space
    names = {parameter.name for parameter in known}
    ours = {name: value for name, value in values.items() if name in names}
    hp = recipes.hyperparameters(recipe, ours)
    hp.values |= values
    return hp


def read_hyperparameters(path, recipe):
    """Returns the values in a file, or folder, of hyperparameters of this recipe.

    Raises:
        ValueError: If the file is not one, or is of another recipe.
    """
    if path.is_dir():
        path = path / reading.HYPERPARAMETERS
    other, values = reading.read_hyperparameters(path)
    if reading.basename(other) != reading.basename(recipe):
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
