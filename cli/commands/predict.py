"""`kdl predict`: predictions of a trained model for inputs from files."""

import contextlib
import csv
import itertools
import json
import os
import sys
from pathlib import Path

import numpy as np

from kdl.checks import check_choice
from kdl.data.sources.images.decoding import DamagedError
from kdl.files import atomic
from kdl.recipes.reading.files import STDIN, files
from kdl_cli.commands import arguments
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
        reads = self.recipe.reads
        # Texts that stand on the command line themselves, and files.
        self.texts = [text for text in options.inputs if self._is_text(text)]
        paths = [path for path in options.inputs if path not in self.texts]
        self.files = [file for path in paths for file in files(path, reads)]
        self.pictures = None
        if options.images is not None:
            self.pictures = Pictures(
                options.images, options.overwrite, self.recipe, self.files
            )

    def perform(self, console):
        """Predicts batch by batch, and writes the rows as they come.

        Args:
            console: `rich.console.Console` for the progress.
        """
        self.skipped = 0
        at_once = self.options.batch or self.recipe.at_once
        with self._output() as file, Count(console, "inputs").shown() as count:
            write = None
            for names, raw in batches(self._examples(), at_once):
                rows = list(self._rows(names, raw))
                if write is None:
                    write = _writer(self.options.format_, file, rows[0])
                write(rows)
                count.add(len(names))
            if write is None:
                raise ValueError(f"None of {self.skipped} files can be read.")
        if self.skipped:
            console.print(f"Damaged files that were left out: {self.skipped}")

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

    def _is_text(self, text):
        """Whether an input is a text, rather than the name of a file that has some.

        What ends as such a file does is none, so that a slip in its name is found.
        """
        if not self.recipe.reads_texts or text == STDIN:
            return False
        if text.lower().endswith(tuple(self.recipe.reads)):
            return False
        try:
            return not Path(text).exists()
        except (OSError, ValueError):
            # It is too long for a name, or has characters that no name has.
            return True

    def _examples(self):
        yield from zip(self.texts, self.texts, strict=True)
        for path in self.files:
            read = self.recipe.read(path)
            try:
                first = next(read, None)
            except DamagedError as error:
                if not self.options.skip_damaged:
                    raise ValueError(
                        f"{path} cannot be read as an image: {error.reason}. Repair or "
                        "delete it, or leave such files out by --skip-damaged."
                    ) from None
                self.skipped += 1
                continue
            if first is None:
                name = "Standard input" if path == STDIN else path
                raise ValueError(f"{name} holds no inputs: it is empty.")
            yield first
            yield from read

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
            among = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
            text = str(error).replace("`raw`", "they")
            raise ValueError(f"{among} cannot be predicted: {text}") from None
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


def batches(examples, size):
    """Yields names and inputs of up to `size` examples, of one shape each.

    Args:
        examples: Iterable of tuples of a name and an input, an array, a text, or the
            row of a table.
        size: Integer.

    Yields:
        Tuple of a list of names, and an array or a list of texts or rows.
    """
    for _, group in itertools.groupby(examples, lambda example: _shape(example[1])):
        while some := list(itertools.islice(group, size)):
            names, raw = zip(*some, strict=True)
            is_array = _shape(raw[0]) is not None
            yield list(names), np.stack(raw) if is_array else list(raw)


def _shape(raw):
    return None if isinstance(raw, (str, dict)) else np.shape(raw)


def _writer(kind, file, first):
    """Returns a function that writes rows as CSV or JSON lines."""
    if kind == "jsonl":
        return lambda rows: file.writelines(
            json.dumps({"input": row["input"], **row}, ensure_ascii=False) + "\n"
            for row in rows
        )
    columns = list(dict.fromkeys(["input", *_flat(first)]))
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()

    def write(rows):
        for row in map(_flat, rows):
            if other := row.keys() ^ set(columns):
                raise ValueError(
                    f"The prediction of {row['input']} has other columns than the "
                    f"first: {', '.join(sorted(other))}. Use --format jsonl."
                )
            writer.writerow(row)

    return write


def _flat(row):
    """A row with a column for each number of a list."""
    flat = {}
    for name, value in row.items():
        if isinstance(value, list):
            for place in np.ndindex(np.shape(value)):
                key = "/".join(map(str, (name, *place)))
                flat[key] = np.asarray(value)[place].item()
        else:
            flat[name] = value
    return flat
