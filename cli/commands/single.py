"""What trains a recipe once, in a new folder: a training, and a sweep."""

import dataclasses
from pathlib import Path

import keras_tuner

from kdl.files import hold
from kdl_cli.commands import arguments
from kdl_cli.folder import writing


@dataclasses.dataclass(frozen=True)
class SinglePlan:
    """What is to be done.

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


def chosen(options):
    """Returns options, recipe, hyperparameters and note, for a `SinglePlan`.

    Raises:
        ValueError: If an option is invalid.
    """
    options, note = arguments.taken_along(options)
    name = options.recipe
    recipe = arguments.make(name, options.data)
    hp = arguments.hyperparameters(recipe, name, options.hp, options.set_)
    return options, recipe, hp, note


class Single:
    """Prepares what a plan says; a subclass performs it.

    Args:
        plan: `SinglePlan`.
    """

    doing = None  # For whoever finds the folder locked.
    ending = ""  # Of the default name of the folder, after that of the recipe.

    def __init__(self, plan):
        self.plan = plan

    def begin(self):
        """Loads the data, then makes the folder and locks it.

        Raises:
            ValueError: If the data or the folder cannot be used. Nothing is written
                then.
        """
        plan, name = self.plan, self.plan.settings["recipe"]
        writing.check_free(plan.out)
        self.data = arguments.load(plan.recipe)
        path = writing.create(plan.out, name + self.ending)
        self.folder = writing.Folder(path, plan.settings)
        self.held = hold(path, self.doing)
        self.folder.begin()
        self.folder.write_hyperparameters(name, plan.hp.values)
