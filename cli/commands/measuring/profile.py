"""`kdl profile`: what the steps of a training are made of."""

import contextlib
import dataclasses

import keras
from keras import tree
from rich.table import Table

from kdl.checks import check_number, check_optional
from kdl.files import write_json
from kdl.profiling import profile
from kdl.profiling.memory import RESERVE, available
from kdl_cli.commands import arguments
from kdl_cli.commands.measuring.sizes import try_sizes
from kdl_cli.commands.training.single import chosen
from kdl_cli.folder.writing import check_file
from kdl_cli.terminal.text import rows_table

_GIGABYTE = 10**9
_MINUTES = 5


class Profiling:
    """A profile, which `begin` prepares and `perform` measures and prints.

    Args:
        options: `ProfileOptions`.

    Raises:
        ValueError: If an option is invalid.
    """

    def __init__(self, options):
        _check_options(options)
        self.options, self.recipe, self.named, self.hp, self.note = chosen(options)
        self._check_sizes()
        if options.batch_size is not None:
            # Any size, not those of the search alone.
            self.hp.values["batch_size"] = options.batch_size

    def _check_sizes(self):
        options = self.options
        sized = options.batch_size is not None or options.largest_batch
        if sized and "batch_size" not in self.hp.values:
            raise ValueError(
                f"The recipe {self.recipe.name!r} has no hyperparameter `batch_size`, "
                "by which --batch-size and --largest-batch set the size of a batch."
            )

    def begin(self):
        """Loads the data.

        Raises:
            ValueError: If they cannot be used.
        """
        self.data = arguments.load(self.recipe)

    def measured(self):
        """Trains, and returns the `kdl.profiling.Profile`."""
        options = self.options
        keras.utils.set_random_seed(options.seed)
        # Without validation, which a profile does not look at.
        data = {k: v for k, v in self.data.items() if k != "validation_data"}
        return profile(
            self.recipe,
            **data,
            hp=self.hp,
            steps=options.steps,
            seed=options.seed,
            trace=options.trace,
        )

    def perform(self, console):
        """Measures, prints what was found, and writes it where --out says.

        Raises:
            ValueError: If the training ends before it is measured, or if a batch size
                fails for another reason than memory.
        """
        options = self.options
        console.print(f"{self.note}Measuring {options.steps} steps.")
        found = self.measured()
        _tell_steps(found, console)
        _tell_layers(found, console)
        if options.largest_batch:
            tried = self._try_sizes(found.batch_size, console)
            found = dataclasses.replace(found, batch_sizes=tried)
        console.print()
        for sentence in found.advice():
            console.print(sentence)
        if options.trace is not None:
            viewer = _VIEWERS[found.backend].format(options.trace)
            console.print(f"\nTrace of a few steps: {viewer}")
        if options.out is not None:
            write_json(options.out, {"recipe": self.named.name, **found.as_dict()})
            console.print(f"Written: {options.out}")

    def _try_sizes(self, size, console):
        options = self.options
        examples = len(tree.flatten(self.data["x"])[0])
        memory = available() - RESERVE
        if options.memory is not None:
            memory = int(_GIGABYTE * options.memory)
        console.print(
            f"\nTrying batch sizes, with {memory / _GIGABYTE:.1f} GB of memory each."
        )
        tried = try_sizes(options, size, examples, memory, options.minutes or _MINUTES)
        _tell_sizes(tried, examples, console)
        return tried


def _check_options(options):
    """Raises a `ValueError` if options cannot be, whatever the recipe is."""
    for path in filter(None, (options.out, options.trace)):
        with contextlib.suppress(FileNotFoundError):
            # Refuses what is no name of a file.
            path.lstat()
    if options.out is not None:
        check_file(options.out, options.overwrite)
    if options.trace is not None and options.trace.is_file():
        raise ValueError(f"{options.trace} is a file. Give --trace a folder.")
    for name in ("memory", "minutes"):
        value = check_optional(
            check_number, f"--{name}", getattr(options, name), "(0, 1e9]"
        )
        if value is not None and not options.largest_batch:
            raise ValueError(f"--{name} is for --largest-batch, which is not given.")
    if options.largest_batch and available() is None:
        raise ValueError(
            "--largest-batch needs Linux, which tells how much memory is left."
        )


# How to look at a trace.
_VIEWERS = {
    "jax": "tensorboard --logdir {0}, or perfetto_trace.json.gz within it at "
    "https://ui.perfetto.dev",
    "tensorflow": "tensorboard --logdir {0}",
    "torch": "{0}/trace.json, at https://ui.perfetto.dev",
}


def _tell_steps(found, console):
    """Prints the parts of a step, and what else was measured of all."""
    rows = {
        name: [f"{part:.2f} ms", f"{100 * found.shares[name]:.0f} %"]
        for name, part in found.parts.items()
    }
    console.print(
        f"A step of {found.batch_size} examples takes {found.step:.2f} ms on "
        f"{found.backend}, {found.examples_per_second:.0f} examples per second:"
    )
    console.print(rows_table(rows))
    console.print(f"The first step took {found.first_step:.0f} ms.")
    device = found.device_memory
    console.print(
        f"Peak memory: {_gigabytes(found.host_memory)} of the host"
        + ("" if device is None else f", {_gigabytes(device)} of the device")
        + "."
    )


def _gigabytes(count):
    return "unknown" if count is None else f"{count / _GIGABYTE:.2f} GB"


def _tell_layers(found, console):
    """Prints parameters and FLOPs of each layer, whole names in lines of any length."""
    rows = [("layer", "kind", "output", "parameters", "MFLOPs", "share")]
    whole = found.flops or 1.0
    for row in found.layers:
        if not row["parameters"] and row["flops"] == 0:
            continue
        flops, share = "not counted", ""
        if row["flops"] is not None:
            flops, share = _mega(row["flops"]), f"{100 * row['flops'] / whole:.0f} %"
        shape = "" if row["output"] is None else str(row["output"])
        numbers = f"{row['parameters']:,}", flops, share
        rows.append((row["layer"], row["kind"], shape, *numbers))
    rows.append(("all", "", "", f"{found.parameters:,}", _mega(found.flops), ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    console.print()
    for row in rows:
        cells = [
            cell.ljust(width) if place < _TEXTS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        console.print("  ".join(cells).rstrip())
    console.print("FLOPs are those of a forward pass for an example.")


_TEXTS = 3  # The first columns of the table of layers, which are no numbers.


def _mega(flops):
    return f"{flops / 1e6:,.3f}"


def _tell_sizes(tried, examples, console):
    """Prints what was measured of each batch size, and the largest that fits."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("batch", "examples per second", "ms of a step", "peak memory"):
        table.add_column(name, justify="right")
    for size, one in tried.items():
        row = ["does not fit", "", ""]
        if one is not None:
            memory = one["device_memory"] or one["host_memory"]
            row = [
                *(f"{one['examples_per_second']:.0f}", f"{one['step']:.2f}"),
                _gigabytes(memory),
            ]
        table.add_row(str(size), *row)
    console.print(table)
    fitting = [size for size, one in tried.items() if one is not None]
    if not fitting:
        console.print("None of them fits, or none was measured in time.")
        return
    largest = max(fitting)
    why = ""
    if largest == examples:
        why = ", the whole training set"
    elif largest == max(tried):
        why = " as far as there was time to try"
    best = max(fitting, key=lambda size: tried[size]["examples_per_second"])
    console.print(
        f"The largest batch that fits has {largest} examples{why}. Batches of {best} "
        "train the most examples per second."
    )
