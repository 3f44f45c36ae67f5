"""Folders that are made of those in which a model was trained."""

from kdl.files import hold
from kdl.recipes.own.named import find
from kdl.recipes.training.training_data import check_set
from kdl_cli.commands import arguments
from kdl_cli.folder import reading, writing

# Settings that are those of the training.
_SHARED = ("recipe", "recipe_sha256", "data", "objective", "direction")


def derived(kind, settings, **more):
    """Returns the settings of a folder that is made of another one.

    Args:
        kind: String. The kind of the folder.
        settings: Dict. Settings of the folder of a training.
        **more: Other settings.
    """
    shared = {name: settings.get(name) for name in _SHARED}
    return {
        "kind": kind,
        **{name: value for name, value in shared.items() if value is not None},
        "backend": arguments.backend(),
        **more,
    }


def opened(options, recipe, settings, ending, doing):
    """Makes a folder, locks it, and writes the settings.

    Args:
        options: Options with `out` and `recipe`.
        recipe: `kdl.recipes.Recipe`.
        settings: Dict of plain values, as `derived` returns them.
        ending: String. End of the default name of the folder.
        doing: String, such as `"calibrating"`, for the error of a second process.

    Returns:
        Tuple of a `Folder` and its lock.

    Raises:
        ValueError: If the folder cannot be used.
    """
    own = find(options.recipe) if options.recipe else None
    title = own.title if own else recipe.name
    path = writing.create(options.out, title + ending)
    return locked(path, settings, doing, own and own.file)


def locked(path, settings, doing, file=None):
    """Locks a folder, made if need be, and writes the settings; as `opened`."""
    path.mkdir(parents=True, exist_ok=True)
    folder = writing.Folder(path, settings, file=file)
    held = hold(path, doing)
    folder.begin()
    return folder, held


def check_replaceable(path, overwrite, kind):
    """Refuses a folder that is there, unless it is to be overwritten and of this kind.

    Args:
        path: `Path`.
        overwrite: Boolean.
        kind: String. The kind of the folder.

    Raises:
        ValueError: If it cannot be written to.
    """
    if not overwrite:
        writing.check_free(path, ", or --overwrite")
    elif writing.occupied(path):
        reading.read_settings(path, kind)


def check_test_set(recipe, model):
    """Refuses a test set that the model of a recipe cannot be tested on.

    Raises:
        ValueError: If it is such.
    """
    with arguments.names_data():
        x, y = recipe.pair_for(model, *recipe.encode(recipe.splits.test))
    check_set("The test set", x, y, model, recipe.takes_nan, recipe.scores_classes)
