"""`kdl ensemble`: models of several runs as one, and the folder that it leaves."""

import keras

from kdl.checks import check_choice
from kdl.evaluation.ensembles.ensemble import VOTING
from kdl.files import hold
from kdl.recipes.own.named import find
from kdl_cli.commands import arguments
from kdl_cli.commands.run import test
from kdl_cli.commands.trained.members import (
    EQUAL,
    GREEDY,
    VALIDATION,
    WEIGHTS,
    check_combines,
    combined,
    rows_of,
)
from kdl_cli.folder import reading, writing
from kdl_cli.terminal.text import columns_table

# Settings in which the runs of an ensemble agree, and which are its own.
_SHARED = ("recipe", "recipe_sha256", "data", "objective", "direction")


_SAID = {
    "soft": "by the mean of their probabilities",
    "hard": "by a vote of each",
    "mean": "by the mean of their outputs",
}
_WEIGHED = {
    EQUAL: "all with the same weight",
    VALIDATION: "with weights by the validation set",
    GREEDY: "chosen one by one by the validation set",
}


class Ensembling:
    """An ensemble, which `begin` prepares and `perform` makes.

    Args:
        options: `EnsembleOptions`.

    Raises:
        ValueError: If the folders cannot be combined.
    """

    def __init__(self, options):
        self.options, folders = options, options.folders
        if options.voting is not None:
            check_choice("--voting", options.voting, VOTING)
        check_choice("--weights", options.weights, WEIGHTS)
        if len(folders) < 2:
            raise ValueError(
                "An ensemble needs two folders or more, such as runs of several "
                f"seeds. Received: {folders[0]}"
            )
        writing.check_free(options.out)
        self.models, settings, states = [], [], []
        for folder in folders:
            self.recipe, model = arguments.trained(_One(folder, options.recipe))
            self.models.append(model)
            settings.append(reading.read_settings(folder))
            states.append(reading.read_json(folder / reading.STATE))
        check_combines(self.recipe)
        for folder, found, state in zip(folders, settings, states, strict=True):
            _check_alike(folders[0], settings[0], states[0], folder, found, state)
        shared = {name: settings[0].get(name) for name in _SHARED}
        self.settings = {
            "kind": "ensemble",
            **{name: value for name, value in shared.items() if value is not None},
            "backend": arguments.backend(),
            "members": [str(folder) for folder in folders],
            "weights": options.weights,
        }

    def begin(self):
        """Loads the data, then makes the folder and locks it.

        Raises:
            ValueError: If the data or the folder cannot be used.
        """
        arguments.load(self.recipe)
        found = find(self.options.recipe) if self.options.recipe else None
        title = found.title if found else self.recipe.name
        path = writing.create(self.options.out, f"{title}-ensemble")
        self.folder = writing.Folder(
            path, self.settings, file=found.file if found else None
        )
        self.held = hold(path, "combining models")
        self.folder.begin()

    def perform(self, console):
        """Combines the models, tests the ensemble and writes the results."""
        options, path = self.options, self.folder.path
        hint = "Run the command again, with a new --out."
        keras.utils.set_random_seed(0)
        with self.held, writing.ending(self.folder, console, hint):
            found = combined(self.recipe, self.models, options.voting, options.weights)
            self.folder.settings["voting"] = found.voting
            console.print(
                f"Combined {len(self.models)} models into {path}, "
                f"{_SAID[found.voting]}, {_WEIGHED[options.weights]}. "
                "On the validation set:"
            )
            rows = rows_of(found, options.folders)
            self.folder.write_rows(reading.MEMBERS, rows)
            console.print(columns_table(rows))
            test(self.recipe, found.model, self.folder, console)
            console.print(self.folder.listing())


class _One:
    """The options of one of the folders."""

    def __init__(self, folder, recipe):
        self.folder, self.recipe = folder, recipe


def _check_alike(first, settings, state, folder, other, other_state):
    """Refuses a folder that is not of what the first one is of."""
    for name in ("recipe", "data"):
        ours, theirs = settings.get(name), other.get(name)
        if name == "recipe":
            ours, theirs = map(reading.basename, (ours, theirs))
        if ours != theirs:
            raise ValueError(
                f"All members must have the {name} of the first, {first}: {ours!r}. "
                f"Received: {theirs!r} of {folder}"
            )
    differ = [n for n in state | other_state if state.get(n) != other_state.get(n)]
    if differ:
        raise ValueError(
            f"All members must have the {differ[0]} of the first, {first}. Received: "
            f"others of {folder}"
        )
