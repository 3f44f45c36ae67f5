"""`kdl export`: a trained model as a file that runs without Keras."""

import shutil
import tempfile
from pathlib import Path

from keras import tree

from kdl.checks import check_choice
from kdl.deployment import export, load
from kdl.deployment.formats import backends_for, format_of
from kdl.deployment.load import METADATA
from kdl.deployment.measuring import milliseconds, outputs_of
from kdl.deployment.quantization import QUANTIZATIONS
from kdl.files import write_json
from kdl_cli.commands import arguments
from kdl_cli.commands.trained.worth import Worth, worsening
from kdl_cli.folder import reading
from kdl_cli.terminal.text import columns_table, short

_COMPARED = 64  # Examples of the test set by which outputs are compared.
_TESTED = 2000  # Those by which a quantized model is tested, at most.
_CALIBRATION = 256  # Examples of the training set, for ranges of activations.
_TOLERANCE = 0.01


class Exporting:
    """An export, which `perform` does.

    Args:
        options: `ExportOptions`.

    Raises:
        ValueError: If the folder has no model, or if an option is not as described.
        ImportError: If a package is missing.
    """

    def __init__(self, options):
        self.options = options
        try:
            backends_for(format_of(options.format_))
        except ValueError as error:
            text = str(error).replace("`format`", "`--format`")
            raise ValueError(text.replace("format=", "--format=")) from None
        if options.quantize is not None:
            check_choice("--quantize", options.quantize, QUANTIZATIONS)
        elif options.tolerance is not None:
            raise ValueError("--tolerance is for --quantize, which is not given.")
        name = "-".join(filter(None, (options.format_, options.quantize)))
        self.out = options.out or options.folder / name
        self.recipe, self.model = arguments.trained(options)
        self._check_out()

    def _check_out(self):
        is_export = (self.out / METADATA).is_file()
        if self.out.exists() and not (is_export and self.options.overwrite):
            hint = ", or --overwrite" if is_export else ""
            raise ValueError(f"{self.out} exists. Give --out a new name{hint}.")

    def perform(self, console):
        """Writes the file, compares it with Keras, and prints what it is worth.

        Raises:
            ValueError: If the format lacks what the model has, or if the model becomes
                worse by what it is quantized to.
            ImportError: If a package is missing.
        """
        options, recipe = self.options, self.recipe
        network = recipe.network(self.model)
        with arguments.names_data():
            x, y = recipe.network_data(self.model, "test", _TESTED)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder, where it can be moved from.
        with tempfile.TemporaryDirectory(dir=self.out.parent, prefix=".kdl.") as place:
            made = self._exports(network, x, Path(place))
            runs = [load(each.path) for each in made]
            one = tree.map_structure(lambda part: part[:1], x)
            keras_size = (options.folder / "model.keras").stat().st_size
            rows = [
                _row("keras", keras_size, network.predict_on_batch, one),
                _row(options.format_, made[0].size, runs[0], one),
            ]
            if options.quantize is not None:
                rows.append(_row(options.quantize, made[1].size, runs[1], one))
                self._check(network, runs, rows, x, y)
            written = made[-1]
            told = {**written.metadata, "measured": rows}
            write_json(written.path / METADATA, told)
            if self.out.exists():
                shutil.rmtree(self.out)
            written.path.rename(self.out)
        console.print(columns_table(rows))
        console.print(
            f"Written by {written.backend}. The largest difference from what Keras "
            f"predicts is {written.difference:.1e} of the largest output."
        )
        if len(made) > 1 and made[1].size >= made[0].size:
            console.print(
                f"That has not helped: with {options.quantize} the file is no smaller."
            )
        console.print(recipe.deployed)
        files = sorted(file.name for file in self.out.iterdir())
        console.print(f"In {self.out}: {', '.join(files)}")

    def _exports(self, network, x, place):
        """The model as it is and, if asked for, quantized, as a list of `Export`."""
        options, recipe = self.options, self.recipe
        some = tree.map_structure(lambda part: part[:_COMPARED], x)
        state = recipe.get_state(self.model)
        settings = reading.read_settings(options.folder)
        metadata = {
            "recipe": reading.basename(settings["recipe"]),
            "returns": recipe.deployed,
            "classes": state.pop("classes", None),
            # What inputs are made of besides: tokens, columns, the size of images.
            "state": state,
        }
        name = options.format_
        made = [export(network, place / "plain", name, some, metadata=metadata)]
        if options.quantize is not None:
            with arguments.names_data():
                part = recipe.network_data(self.model, "train", _CALIBRATION)
            made.append(
                export(
                    *(network, place / options.quantize, name, some),
                    quantize=options.quantize,
                    calibration=part[0],
                    metadata=metadata,
                )
            )
        return made

    def _check(self, network, runs, rows, x, y):
        """Refuses numbers of fewer bits by which the model has become worse."""
        before, after = (Worth.of(network, outputs_of(run, x), y) for run in runs)
        rows[1] |= before.scores
        rows[2] |= after.scores
        worse, told = worsening(self.recipe, before, after)
        options = self.options
        tolerance = _TOLERANCE if options.tolerance is None else options.tolerance
        if not worse <= tolerance:
            raise ValueError(
                f"The model is not written, since --quantize {options.quantize} makes "
                f"it worse by {short(worse)}: on the test set, {told}. --tolerance "
                f"allows {short(tolerance)}."
            )


def _row(name, size, run, one):
    """What one way to run the model is worth, a dict."""
    return {"": name, "bytes": size, "ms at batch 1": milliseconds(run, one)}
