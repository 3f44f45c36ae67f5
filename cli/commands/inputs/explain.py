"""`kdl explain`: what of an input a prediction depends on."""

import contextlib

from rich.text import Text

from kdl.files import atomic
from kdl_cli.commands import arguments
from kdl_cli.commands.inputs.raw_inputs import RawInputs, batches, refused
from kdl_cli.commands.inputs.rows import writer
from kdl_cli.folder.pictures import Pictures
from kdl_cli.terminal.text import short

_FILE, _FOLDER = "explanation.csv", "explanation"
_BAR = 24  # Characters of the longest bar.


class Explanation:
    """Explanations of predictions, which `perform` makes.

    Args:
        options: `ExplainOptions`.

    Raises:
        ValueError: If the folder, the inputs or the output cannot be used.
    """

    def __init__(self, options):
        self.options = options
        self.recipe, self.model = arguments.trained(options)
        self.inputs = RawInputs(self.recipe, options.inputs, options.skip_damaged)
        self.pictures = None
        if options.out is not None:
            self._take(options.out)

    def perform(self, console):
        """Explains batch by batch. Prints words and columns, or writes the folder.

        Args:
            console: `rich.console.Console`.
        """
        explained = self._explained()
        try:
            names, found = next(explained)
        except StopIteration:
            raise ValueError(
                f"None of {self.inputs.skipped} files can be read."
            ) from None
        if found.pictures is not None and self.pictures is None:
            self._take(self.options.folder / _FOLDER)
        with contextlib.ExitStack() as stack:
            write = None
            while True:
                rows = self._rows(names, found)
                if self.pictures is None:
                    tell(rows, console)
                else:
                    if write is None:
                        write = writer(
                            "csv", stack.enter_context(self._file()), rows[0]
                        )
                    write(rows)
                if (following := next(explained, None)) is None:
                    break
                names, found = following
        if self.inputs.skipped:
            console.print(f"Damaged files that were left out: {self.inputs.skipped}")
        if self.pictures is not None:
            count = len(list(self.pictures.path.glob("*.png")))
            images = f" and {count} images" if count else ""
            console.print(f"In {self.pictures.path}: {_FILE}{images}")

    def _take(self, path):
        """Has the explanations written into a folder."""
        options = self.options
        self.pictures = Pictures(path, "--out", options.overwrite, self.inputs.files)

    def _explained(self):
        for names, raw in batches(self.inputs.examples(), self.recipe.at_once):
            try:
                yield names, self.recipe.explain(self.model, raw, self.options.method)
            except ValueError as error:
                if "`method`" in str(error):
                    text = str(error).replace("`method`", "`--method`")
                    raise ValueError(text.replace("method=", "--method=")) from None
                if "explains nothing" in str(error):
                    raise
                raise refused(names, error, "explained") from None

    @contextlib.contextmanager
    def _file(self):
        self.pictures.path.mkdir(parents=True, exist_ok=True)
        with (
            atomic(self.pictures.path / _FILE) as draft,
            draft.open("w", newline="", encoding="utf-8") as file,
        ):
            yield file

    def _rows(self, names, found):
        """The rows of a batch, with the names of inputs and of their pictures."""
        images = found.pictures and [
            self.pictures.write(name, picture)
            for name, picture in zip(names, found.pictures, strict=True)
        ]
        return [
            {
                **row,
                "input": names[row["input"]],
                **({"image": images[row["input"]]} if images else {}),
            }
            for row in found.rows
        ]


def tell(rows, console):
    """Prints rows of parts, input by input, each part with a bar.

    Args:
        rows: List of dicts, of which `"input"` is a name.
        console: `rich.console.Console`.
    """
    most = max(abs(row["attribution"]) for row in rows) or 1
    width = max(len(row["part"]) for row in rows)
    before = None
    for row in rows:
        if row["input"] != before:
            before = row["input"]
            console.print(_title(row), style="bold")
        value = row["attribution"]
        style = "red" if value > 0 else "blue"
        line = Text(f"  {row['part']:{width}}  {value:+8.3f}")
        if bar := "█" * round(_BAR * abs(value) / most):
            line.append(f"  {bar}", style)
        console.print(line)


def _title(row):
    told = [
        f"{name} {short(row[name])}"
        for name in ("class", "score", "gap")
        if name in row
    ]
    return f"{row['input']}: {', '.join(told)}"
