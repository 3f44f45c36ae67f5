"""Folders of models that are made of those in other folders."""

from kdl.files import hold
from kdl.recipes.own.named import find
from kdl_cli.commands import arguments
from kdl_cli.folder import writing

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
        doing: String. What is done, for whoever finds the folder locked.

    Returns:
        Tuple of a `Folder` and its lock.

    Raises:
        ValueError: If the folder cannot be used.
    """
    own = find(options.recipe) if options.recipe else None
    title = own.title if own else recipe.name
    path = writing.create(options.out, title + ending)
    folder = writing.Folder(path, settings, file=own and own.file)
    held = hold(path, doing)
    folder.begin()
    return folder, held
