"""`kdl ensemble`: models of several runs as one, and the folder that it leaves."""

from types import SimpleNamespace

import keras

from kdl.checks import check_choice
from kdl.evaluation.ensembles.ensemble import VOTING
from kdl_cli.commands import arguments
from kdl_cli.commands.members import (
    EQUAL,
    GREEDY,
    VALIDATION,
    WEIGHTS,
    check_combines,
    combined,
    differing,
    part_for,
    rows_of,
)
from kdl_cli.commands.trained.derived import derived, opened
from kdl_cli.commands.training.run import test
from kdl_cli.folder import reading, writing
from kdl_cli.terminal.text import columns_table

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
            self.recipe, model = arguments.trained(
                SimpleNamespace(folder=folder, recipe=options.recipe)
            )
            self.models.append(model)
            settings.append(reading.read_settings(folder))
            states.append(reading.read_json(folder / reading.STATE))
        check_combines(self.recipe)
        for folder, found, state in zip(folders, settings, states, strict=True):
            _check_alike(folders[0], settings[0], folder, found)
            differ = differing(self.recipe, states[0], state)
            if differ:
                raise ValueError(
                    f"All members must have the {differ[0]} of the first, "
                    f"{folders[0]}. Received: others of {folder}"
                )
        self.models, state = self.recipe.joined(self.models, states)
        self.recipe.set_state(state)
        members = [str(folder) for folder in folders]
        self.settings = derived(
            "ensemble", settings[0], members=members, weights=options.weights
        )

    def begin(self):
        """Combines the models, then makes the folder and locks it.

        Raises:
            ValueError: If the models, the data or the folder cannot be used.
        """
        options, models = self.options, self.models
        with arguments.names_data():
            data = part_for(self.recipe, models[0], "validation")
        self.found = combined(
            self.recipe, models, data, options.voting, options.weights
        )
        self.settings["voting"] = self.found.voting
        self.folder, self.held = opened(
            options, self.recipe, self.settings, "-ensemble", "combining models"
        )

    def perform(self, console):
        """Tests the ensemble and writes the results."""
        options, path, found = self.options, self.folder.path, self.found
        hint = "Run the command again, with a new --out."
        keras.utils.set_random_seed(0)
        with self.held, writing.ending(self.folder, console, hint):
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


def _check_alike(first, settings, folder, other):
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
