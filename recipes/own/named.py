"""Recipes by the names that a command line can carry."""

import copy
import dataclasses
import functools
import inspect
import re
from pathlib import Path
from typing import Any

import keras_tuner

from kdl.data.sources.load import check_source
from kdl.recipes.own.adapter import Adapter
from kdl.recipes.own.user_code import import_file, import_module, told
from kdl.recipes.recipe import Recipe, words


@dataclasses.dataclass(frozen=True)
class Named:
    """What the name of a recipe means.

    Attributes:
        name: String. By which it is found again, such as `"images"` or
            `"my_recipe.py:Mine"`.
        target: Class or instance of `keras_tuner.HyperModel`, or a function of `hp`.
        file: Optional `Path`. The file of a user that defines it.
        sha256: Optional string. The digest of that file.
        module: Optional module. That of the file.
    """

    name: str
    target: Any
    file: Path | None = None
    sha256: str | None = None
    module: Any = None

    def make(self, source=None, objective=None, extras=None):
        """Returns the recipe.

        Args:
            source: Optional. What to learn, in place of the recipe's own.
            objective: Optional `keras_tuner.Objective`, in place of the recipe's own.
            extras: Optional dict of what else the recipe takes, by name.

        Raises:
            ValueError: If the source is unknown, if the recipe cannot be made or does
                not take one of the extras, or if it needs a source or an objective and
                none is given.
            UserError: If code of a user fails.
        """
        target = self.made()
        if isinstance(target, Recipe):
            recipe = target if source is None else self._on(target, source)
            if extras:
                recipe.take(extras)
            if objective is not None:
                recipe.objective = objective
            return recipe
        for name in extras or {}:
            raise ValueError(
                f"{self.name} is no kdl.recipes.Recipe and takes no `{name}`."
            )
        for option, value, example in (
            ("--data SOURCE", source, "--data digits"),
            ("--objective NAME", objective, "--objective val_loss"),
        ):
            if value is None:
                what = option.split()[0].removeprefix("--")
                raise ValueError(
                    f"{self.name} is no kdl.recipes.Recipe and has no {what} of its "
                    f"own. Give {option}, as in {example}."
                )
        return Adapter(target, source, objective, self.title)

    def made(self):
        """Returns the target, an instance of it if it is a class.

        Raises:
            ValueError: If it cannot be made.
            UserError: If code of a user fails.
        """
        if not inspect.isclass(self.target):
            return self.target
        with told(f"{self.name} cannot be made:"):
            try:
                inspect.signature(self.target).bind()
            except TypeError as error:
                raise ValueError(
                    f"{self.name} must need no arguments, and has a {error}. Give them "
                    f"defaults, or name an instance, as of a line `mine = "
                    f"{self.target.__name__}(...)`."
                ) from None
            return self.target()

    def _on(self, recipe, source):
        """The recipe on another source."""
        if inspect.isclass(self.target):
            return self.target(source)
        return on(recipe, source)

    @property
    def title(self):
        """The name for a folder and in words."""
        if self.file is None:
            return self.name
        target = self.target
        if isinstance(target, keras_tuner.HyperModel):
            name = target.name or type(target).__name__
        elif inspect.isclass(target):
            name = target.__name__
        else:
            name = f"{self.file.stem}_{target.__name__}"
        return re.sub(r"[^\w.-]+", "-", words(name))

    def objects(self):
        """Returns the classes and functions of a user's file by name, for Keras."""
        if self.module is None:
            return {}
        return {
            name: value
            for name, value in vars(self.module).items()
            if (inspect.isclass(value) or inspect.isfunction(value))
            and value.__module__ == self.module.__name__
        }


def built_in():
    """Returns the classes of kdl's recipes by the name of the file of each."""
    from kdl import recipes

    return {
        component.__module__.rpartition(".")[2]: component
        for component in vars(recipes).values()
        if inspect.isclass(component)
        and issubclass(component, Recipe)
        and component is not Recipe
    }


def is_own(name):
    """Whether the name of a recipe is that of a user's."""
    return name.endswith(".py") or ":" in name


def find(name):
    """Returns what the name of a recipe means.

    Args:
        name: String: a recipe of kdl, such as `"images"`, `"my_recipe.py"`,
            `"my_recipe.py:Name"` or `"package.module:Name"`.

    Returns:
        `Named`.

    Raises:
        ValueError: If there is no such recipe.
        UserError: If code of a user fails.
    """
    if not is_own(name):
        known = built_in()
        if name not in known:
            raise ValueError(
                f"There is no recipe {name!r}. The recipes: "
                f"{', '.join(sorted(known))}. One of your own is named as my_recipe.py."
            )
        return Named(name, known[name])
    place, _, wanted = (name, "", "") if name.endswith(".py") else name.rpartition(":")
    if place.endswith(".py"):
        path = Path(place).expanduser()
        if not path.is_file():
            raise ValueError(
                f"There is no file {place}. `kdl init NAME` writes a recipe to begin "
                "with."
            )
        module, digest = import_file(path)
        place = str(path)
    else:
        module, path, digest = import_module(place)
    if not wanted:
        wanted = _only(module, place)
    if not hasattr(module, wanted):
        known = ", ".join(_candidates(module)) or "no recipe"
        raise ValueError(f"{place} has no {wanted!r}. It has: {known}.")
    target = getattr(module, wanted)
    found = Named(f"{place}:{wanted}", target, path, digest, module)
    _check(found.name, wanted, target)
    return found


def on(recipe, source):
    """Returns a copy of a recipe that learns another source."""
    again = copy.copy(recipe)
    for name in list(vars(again)):
        if isinstance(getattr(type(again), name, None), functools.cached_property):
            del vars(again)[name]
        elif name in ("build", "_build"):
            # KerasTuner binds them to the instance.
            del vars(again)[name]
    keras_tuner.HyperModel.__init__(again, recipe.name, recipe.tunable)
    if not isinstance(source, str) or source not in again.sources:
        check_source(source)
    again.source = source
    return again


def _only(module, place):
    """The name of the one recipe that a module defines."""
    names = list(_candidates(module))
    if not names:
        raise ValueError(
            f"{place} defines no recipe: write a subclass of kdl.recipes.Recipe, a "
            "keras_tuner.HyperModel or a function `build(hp)`."
        )
    if len(names) > 1:
        raise ValueError(
            f"{place} defines several recipes: {', '.join(names)}. Name one, as in "
            f"{place}:{names[0]}."
        )
    return names[0]


def _candidates(module):
    """The recipes that a module defines, by name: classes, instances, else functions.

    Whatever begins with an underscore is none. A function may also serve a class: they
    count where there is no class or instance.
    """
    public = {n: v for n, v in vars(module).items() if not n.startswith("_")}
    models = {
        name: value
        for name, value in public.items()
        if isinstance(value, keras_tuner.HyperModel)
        or (
            inspect.isclass(value)
            and issubclass(value, keras_tuner.HyperModel)
            and value.__module__ == module.__name__
        )
    }
    return models or {
        name: value
        for name, value in public.items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and list(inspect.signature(value).parameters) == ["hp"]
    }


def _check(name, word, target):
    """Refuses what is no recipe."""
    if isinstance(target, keras_tuner.HyperModel):
        return
    if inspect.isclass(target) and issubclass(target, keras_tuner.HyperModel):
        return
    if not inspect.isfunction(target):
        raise ValueError(
            f"{name} must be a kdl.recipes.Recipe, a keras_tuner.HyperModel or a "
            f"function of `hp`. Received: {word}={target!r}"
        )
    signature = inspect.signature(target)
    try:
        signature.bind(None)
    except TypeError:
        raise ValueError(
            f"{name} must be a function of `hp`, as in `def {word}(hp):`. Received: "
            f"{word}{signature}"
        ) from None
