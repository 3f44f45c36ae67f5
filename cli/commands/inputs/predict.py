"""`kdl predict`: predictions of a trained model for inputs from files."""

import contextlib
import os
import sys

from kdl.checks import check_choice
from kdl.files import atomic
from kdl.recipes import Recipe
from kdl_cli.commands import arguments
from kdl_cli.commands.inputs.raw_inputs import RawInputs, batches, refused
from kdl_cli.commands.inputs.rows import writer
from kdl_cli.folder.pictures import Pictures
from kdl_cli.folder.writing import check_file
from kdl_cli.terminal.progress import Count

FORMATS = ("csv", "jsonl")


class Prediction:
    """Predictions, which `perform` makes.

    Args:
        options: `PredictOptions`.

    Raises:
        ValueError: If the folder, the inputs or the output cannot be used.
    """

    def __init__(self, options):
        self.options = options
        check_choice("--format", options.format_, FORMATS)
        out = options.out
        if out is not None:
            check_file(out, options.overwrite)
        self.recipe, self.model = arguments.trained(options)
        self.inputs = RawInputs(self.recipe, options.inputs, options.skip_damaged)
        self.pictures = None
        if options.images is not None:
            if type(self.recipe).pictures is Recipe.pictures:
                raise ValueError(
                    f"The recipe {self.recipe.name!r} predicts no images. Leave "
                    "--images out."
                )
            self.pictures = Pictures(
                options.images, "--images", options.overwrite, self.inputs.files
            )

    def perform(self, console):
        """Predicts batch by batch, and writes the rows as they come.

        Args:
            console: `rich.console.Console` for the progress.
        """
        at_once = self.options.batch or self.recipe.at_once
        with self._output() as file, Count(console, "inputs").shown() as count:
            write = None
            for names, raw in batches(self.inputs.examples(), at_once):
                rows = list(self._rows(names, raw))
                if write is None:
                    write = writer(self.options.format_, file, rows[0])
                write(rows)
                count.add(len(names))
            if write is None:
                skipped = self.inputs.skipped
                raise ValueError(f"None of {skipped} files can be read.")
        if skipped := self.inputs.skipped:
            console.print(f"Damaged files that were left out: {skipped}")

    @contextlib.contextmanager
    def _output(self):
        if self.options.out is None:
            try:
                yield sys.stdout
                sys.stdout.flush()
            except BrokenPipeError:
                # As `head` does, the reader has enough. Python would complain at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        self.options.out.parent.mkdir(parents=True, exist_ok=True)
        with (
            atomic(self.options.out) as draft,
            draft.open("w", newline="", encoding="utf-8") as file,
        ):
            yield file

    def _rows(self, names, raw):
        """Yields the predictions of a batch, each with the name of its input."""
        pictures = None
        try:
            if self.pictures is None:
                rows = self.recipe.predict(self.model, raw)
            else:
                outputs = self.recipe.outputs(self.model, raw)
                rows = self.recipe.rows(raw, outputs)
                pictures = self.recipe.pictures(raw, outputs)
        except ValueError as error:
            raise refused(names, error, "predicted") from None
        images = []
        if pictures is not None:
            images = [
                self.pictures.write(name, picture)
                for name, picture in zip(names, pictures, strict=True)
            ]
        for index, row in enumerate(rows):
            place = row.get("input", index)
            image = {"image": images[place]} if images else {}
            yield {**row, **image, "input": names[place]}
