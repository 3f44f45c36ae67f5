"""What `kdl compare` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import (
    MOST,
    Anomalous,
    Backbone,
    Backend,
    Data,
    Deterministic,
    Epochs,
    Hp,
    Normal,
    Objective,
    Precision,
    Recipe,
    Set,
    Teacher,
    Unlabelled,
)


@dataclasses.dataclass(frozen=True)
class CompareOptions:
    """What `kdl compare` takes; the help of each option says what it is."""

    recipe: Recipe
    vary: Annotated[
        str,
        typer.Option(
            metavar="NAME[=V1,V2,…]",
            help="The hyperparameter and the values to compare. Without values, all "
            "those of a choice are compared.",
        ),
    ]
    seeds: Annotated[
        int,
        typer.Option(min=1, max=MOST, help="Number of seeds to train each value with."),
    ] = 5
    resample: Annotated[
        bool,
        typer.Option(
            "--resample",
            help="Train on another sample of the training set with each seed, drawn "
            "with replacement: seeds alone vary the training, not the data.",
        ),
    ] = False
    set_: Set = None
    hp: Hp = None
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:min|max]",
            help="Metric on the test set to compare values by. Defaults to that of "
            "the recipe's objective.",
        ),
    ] = None
    data: Data = None
    objective: Objective = None
    backbone: Backbone = None
    teacher: Teacher = None
    unlabelled: Unlabelled = None
    normal: Normal = None
    anomalous: Anomalous = None
    precision: Precision = None
    epochs: Epochs = None
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="First of the seeds.")
    ] = 0
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the comparison. A comparison in it is resumed. "
            "Defaults to runs/RECIPE-compare-NAME."
        ),
    ] = None
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="Print one line per run, without a progress bar."),
    ] = False
    deterministic: Deterministic = False
    backend: Backend = None
