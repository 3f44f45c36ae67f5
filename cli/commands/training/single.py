"""What trains a recipe once, in a new folder: a training, and a sweep."""

import dataclasses
from pathlib import Path

import keras_tuner

from kdl.files import hold
from kdl.recipes import Recipe
from kdl.recipes.own.named import Named
from kdl_cli.commands import arguments
from kdl_cli.folder import writing


@dataclasses.dataclass(frozen=True)
class SinglePlan:
    """What is to be done.

    Attributes:
        recipe: `kdl.recipes.Recipe`.
        named: `Named` that it was made of.
        hp: `keras_tuner.HyperParameters`.
        settings: Dict of plain values, as `settings.json` holds them.
        out: Optional `Path`. The new folder.
        note: String. What was taken from another folder, in a sentence, or empty.
        objective: Optional string. The option `--objective`.
    """

    recipe: Recipe
    named: Named
    hp: keras_tuner.HyperParameters
    settings: dict
    out: Path | None = None
    note: str = ""
    objective: str | None = None


def chosen(options):
    """Returns options, recipe, its `Named`, hyperparameters and note.

    Raises:
        ValueError: If an option is invalid.
    """
    options, note = arguments.taken_along(options)
    recipe, named = arguments.make(options)
    hp = arguments.hyperparameters(recipe, named.name, options.hp, options.set_)
    return options, recipe, named, hp, note


class Single:
    """Prepares what a plan says; a subclass performs it.

    Args:
        plan: `SinglePlan`.
    """

    doing = None  # For whoever finds the folder locked.
    ending = ""  # Of the default name of the folder, after that of the recipe.

    def __init__(self, plan):
        self.plan = plan

    def before(self):
        """Returns the settings in a folder that is gone on with, or `None`."""
        return None

    def begin(self):
        """Loads the data, then makes the folder and locks it.

        Raises:
            ValueError: If the data or the folder cannot be used. Nothing is written
                then.
        """
        plan, named = self.plan, self.plan.named
        before = self.before()
        if before is None:
            writing.check_free(plan.out)
        self.data = arguments.load(plan.recipe)
        arguments.check_objective(plan.recipe, plan.hp, plan.objective)
        path = plan.out
        if before is None:
            path = writing.create(plan.out, named.title + self.ending)
        self.folder = writing.Folder(path, plan.settings, before, named.file)
        self.held = hold(path, self.doing)
        self.folder.begin()
        self.folder.write_hyperparameters(named.name, plan.hp.values)
