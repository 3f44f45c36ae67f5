"""Which numbers of a model can change during `fit`, and how, on every backend.

Each cell is a small model that is fitted, compiled as Keras does by default. The model
records the loss of each batch within the compiled step, and its data and weights are
such that the loss gives away the number that was in force. A formula in NumPy foretells
the losses under the number as it was to change, and under that which it began with. A
cell says which of the two came true:

    works       the number was in force at each step
    refused     a TypeError or ValueError; any other error is named
    ignored     it was as if nothing had changed it, and nothing said so
    2 of 18     it was in force at so many of the steps at which it was to differ
    -           the combination has no meaning

The first two tables are of kdl, where nothing is to happen in silence: the exit code is
1 if a cell is none of works, refused and -. The third is of Keras alone, with callbacks
written the obvious way. A cell holds for all backends but those that it names.

On PyTorch, `jit_compile=True` traces the step, but leaves out the compiler.

The figures are in docs/benchmarks/changing-numbers.md.

python benchmarks/what_can_change.py [--out tables.md] [--log cells.json]
"""

import argparse
import contextlib
import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest.mock
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
from change_cases import of_layers, of_optimizers
from change_cases.by_hand import BY_HAND
from change_cases.judging import changed, changed_by_hand
from change_cases.ways import RUNS, WAYS

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}

PARTS = [
    of_layers.DROPOUT,
    of_layers.DROPCONNECT,
    of_layers.KERAS_DROPOUT,
    of_layers.ELASTIC_NET,
    of_layers.BOTH_ELASTIC_NET,
    of_layers.KERAS_L2,
    of_layers.WEIGHT,
    of_layers.KERAS_WEIGHT,
    of_layers.SMOOTHING,
    of_optimizers.RATE,
    of_optimizers.SCHEDULED_RATE,
    of_optimizers.CONTROLLED_RATE,
    of_optimizers.MULTIPLIER,
    of_optimizers.BOTH_MULTIPLIER,
    of_optimizers.FREEZING,
    of_optimizers.BETA_1,
    of_optimizers.WEIGHT_DECAY,
    of_optimizers.MOMENTUM,
]
KINDS = {
    "a layer": of_layers.DROPOUT,
    "a penalty": of_layers.ELASTIC_NET,
    "a loss": of_layers.WEIGHT,
    "an optimizer": of_optimizers.MULTIPLIER,
}


def cell(part, name, way):
    """Function that returns what became of a change, if it has a meaning."""
    if name in part.lacks:
        return lambda: {"verdict": "-"}
    return functools.partial(changed, part, way)


TABLES = {
    "Numbers, and ways to change them": {
        part.label: {name: cell(part, name, way) for name, way in WAYS.items()}
        for part in PARTS
    },
    "Ways to run a model, with a number of each kind of part": {
        label: {
            kind: functools.partial(changed, part, way, run)
            for kind, part in KINDS.items()
        }
        for label, (way, run) in RUNS.items()
    },
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, help="file for the tables")
    parser.add_argument("--log", type=Path, help="file for each cell, with its message")
    parser.add_argument("--collect", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.collect:
        arguments.collect.write_text(json.dumps(collect()))
        return 0
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    with ThreadPoolExecutor(2) as pool:  # Two processes at a time, one a core.
        cells = list(pool.map(started, installed))
    results = {BACKENDS[n]: c for n, c in zip(installed, cells, strict=True)}
    text, silent = report(results)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    if arguments.log:
        arguments.log.write_text(json.dumps(results, indent=1) + "\n")
    if silent:
        print("Silent: " + "; ".join(silent), file=sys.stderr)
    return int(bool(silent))


def started(backend):
    """Runs all cells on a backend, in a process of its own."""
    begin = time.perf_counter()
    print(f"{BACKENDS[backend]} …", file=sys.stderr)
    quiet = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cells.json"
        done = subprocess.run(
            [sys.executable, __file__, "--collect", str(file)],
            env={**os.environ, **quiet},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        result = json.loads(file.read_text())
    seconds = time.perf_counter() - begin
    print(f"{BACKENDS[backend]}: {seconds:.0f} s", file=sys.stderr)
    return result


def collect():
    """All cells on the backend of this process."""
    with without_a_compiler():
        return {
            "keras": keras.__version__,
            "with kdl": {
                title: {
                    row: {column: cell() for column, cell in cells.items()}
                    for row, cells in rows.items()
                }
                for title, rows in TABLES.items()
            },
            "by hand": {
                row: changed_by_hand(part, way)
                for row, (part, way, _) in BY_HAND.items()
            },
        }


def without_a_compiler():
    """Has PyTorch's `jit_compile=True` trace the graph, but not build it."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    eager = functools.partial(torch.compile, backend="eager")
    return unittest.mock.patch.object(torch, "compile", eager)


def report(results):
    """The tables as Markdown, and the cells of kdl that are silent."""
    version = next(iter(results.values()))["keras"]
    lines = [f"Keras {version}, {', '.join(results)}"]
    lines += [f"$ python {' '.join(sys.argv)}"]
    silent = []
    for title, rows in TABLES.items():
        columns = next(iter(rows.values()))
        lines += ["", title, "", f"| what | {' | '.join(columns)} |"]
        lines += ["|---" * (len(columns) + 1) + "|"]
        for row in rows:
            verdicts = [
                {
                    backend: result["with kdl"][title][row][column]["verdict"]
                    for backend, result in results.items()
                }
                for column in columns
            ]
            lines.append(f"| {row} | {' | '.join(map(merged, verdicts))} |")
            silent += [
                f"{row}, {column}, {backend}: {verdict}"
                for column, by_backend in zip(columns, verdicts, strict=True)
                for backend, verdict in by_backend.items()
                if verdict not in ("works", "refused", "-")
            ]
    lines += ["", f"By hand, with Keras {version} alone", ""]
    lines += [f"| what | {' | '.join(results)} | with kdl |"]
    lines += ["|---" * (len(results) + 2) + "|"]
    for row, (_, _, instead) in BY_HAND.items():
        verdicts = [result["by hand"][row]["verdict"] for result in results.values()]
        cells = ["error" if v == "refused" else v for v in verdicts]
        lines.append(f"| {row} | {' | '.join(cells)} | {instead} |")
    return "\n".join(lines), silent


def merged(verdicts):
    """What all backends say, or most, and then those that say otherwise."""
    usual = Counter(verdicts.values()).most_common(1)[0][0]
    others = [f"{k} {v}" for k, v in verdicts.items() if v != usual]
    return ", ".join([usual, *others])


if __name__ == "__main__":
    sys.exit(main())
