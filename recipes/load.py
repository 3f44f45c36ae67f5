"""Recipes and models from the folders of the command line."""

import json
import warnings
from pathlib import Path
from zipfile import BadZipFile

import keras
import keras_tuner

from kdl.data.splits import Splits
from kdl.recipes.own.named import Named, find, is_own
from kdl.recipes.recipe import Recipe
from kdl.recipes.training.precision import check_precision
from kdl.typing import StrPath

# As the command line calls them.
_SETTINGS, STATE, MODEL = "settings.json", "recipe.json", "model.keras"
# Folders that have a model.
KINDS = "run", "search", "lesson", "ensemble", "calibration"


def load(
    folder: StrPath,
    recipe: Recipe | type[Recipe] | str | None = None,
    source: str | Splits | None = None,
) -> tuple[Recipe, keras.Model]:
    """Returns the recipe and the model in a folder of `kdl run` or `kdl tune`.

    Only the folder is read, and the model in Keras's safe mode. The code of a recipe
    of yours is run only if you name it.

    Args:
        folder: String or `Path`.
        recipe: Optional. The recipe of yours that the folder is of: its class or an
            instance, or a string such as `"my_recipe.py"`. Defaults to `None`, where
            it is one of kdl.
        source: Optional. Other data for the recipe, as `kdl.data.load` takes them.
            Loaded when they are first needed. Defaults to `None`, those in the
            settings of the folder.

    Returns:
        Tuple `(recipe, model)`, for `recipe.predict(model, raw)`.

    Raises:
        ValueError: If the folder is of something else, or its files are damaged, if its
            recipe is not `recipe`, or if this backend cannot compute in its precision.

    Example:

    >>> recipe = kdl.recipes.Images()
    >>> def predict():  # After `kdl run images --out runs/digits`.
    ...     recipe, model = kdl.recipes.load("runs/digits")
    ...     return recipe.predict(model, np.zeros((1, 8, 8, 1)))
    """
    folder = Path(folder)
    settings = trained(folder)
    named = _named(folder, settings, recipe)
    objective = None
    if not isinstance(named.made(), Recipe):
        source = settings.get("data") if source is None else source
        try:
            objective = keras_tuner.Objective(
                settings["objective"], settings["direction"]
            )
        except KeyError as error:
            raise ValueError(f"{folder / _SETTINGS} lacks {error.args[0]}.") from None
    elif source is None and _is_known(settings.get("data"), named):
        source = settings["data"]
    found = named.make(source, objective)
    found.set_state(read_json(folder / STATE))
    if (precision := settings.get("precision")) is not None:
        found.precision = check_precision("precision", precision, found.precisions)
    return found, read_model(folder / MODEL, named.objects())


def trained(folder):
    """Returns the settings of a folder in which a model was trained.

    Raises:
        ValueError: If it is of something else.
    """
    path = folder / _SETTINGS
    settings = read_json(path) if path.exists() else None
    kind = settings.get("kind") if isinstance(settings, dict) else None
    if kind not in KINDS or not isinstance(settings.get("recipe"), str):
        raise ValueError(
            f"{folder} is not the folder of a run or a search of kdl. `kdl run` and "
            "`kdl tune` leave one."
        )
    if not (folder / MODEL).exists():
        raise ValueError(
            f"{folder} has no {MODEL}: its {kind} has not ended. Run the command again."
        )
    return settings


def _named(folder, settings, recipe):
    """What `recipe` names, provided it may be that of the folder."""
    there = settings["recipe"]
    if recipe is None:
        if is_own(there):
            raise ValueError(
                f"The recipe of {folder} is a file of yours, which is only run if you "
                f"name it: give `recipe`, as in recipe={_basename(there)!r}."
            )
        return find(there)
    if not isinstance(recipe, str):
        return Named(there, recipe)
    named = find(recipe)
    ours, theirs = named.name, there
    if is_own(ours) and is_own(theirs):
        # A file may have moved.
        ours, theirs = (name.rpartition(":")[2] for name in (ours, theirs))
    if ours != theirs:
        raise ValueError(
            f"{folder} holds a model of the recipe {_basename(there)!r}, not of "
            f"{_basename(named.name)!r}."
        )
    known = settings.get("recipe_sha256")
    if None not in (known, named.sha256) and known != named.sha256:
        warnings.warn(
            f"{named.file} has changed since the model in {folder} was trained. The "
            "folder has a copy of the file as it was.",
            stacklevel=3,
        )
    return named


def _basename(name):
    return Path(name).name


def _is_known(source, named):
    """Whether a recipe still has the source of its training, such as a file."""
    try:
        named.make(source)
    except ValueError:
        return False
    return source is not None


def read_model(path, objects=None):
    """Returns the model in a file, in Keras's safe mode.

    Args:
        path: `Path`.
        objects: Optional dict of classes and functions of a user by name.

    Raises:
        ValueError: If it cannot be loaded.
    """
    try:
        with warnings.catch_warnings():
            # The optimizer is of the fit that was, and has no use here.
            warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
            model = keras.saving.load_model(path, objects, safe_mode=True)
    except (ValueError, TypeError, OSError, KeyError, BadZipFile) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"The model in {path} cannot be loaded: {text}") from error
    # Keras saves what "auto" was where the model was trained: of JAX a compiler, which
    # on PyTorch takes minutes to predict anything, and of PyTorch none. Now it is that
    # of this backend.
    model.jit_compile = None
    return model


def read_json(path):
    """Returns the dict in a file of a run or a search.

    Raises:
        ValueError: If there is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not a JSON file.") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is not a JSON file of a run or a search.")
    return content
