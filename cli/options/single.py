"""What commands that train one model take."""

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
    Devices,
    Epochs,
    Hp,
    Normal,
    Objective,
    Overwrite,
    Precision,
    Recipe,
    Seed,
    Set,
    Teacher,
    Unlabelled,
    Wandb,
)


@dataclasses.dataclass(frozen=True)
class SingleOptions:
    """What commands take alike that prepare a recipe with one set of values."""

    recipe: Recipe
    set_: Set = None
    hp: Hp = None
    data: Data = None
    objective: Objective = None
    backbone: Backbone = None
    teacher: Teacher = None
    unlabelled: Unlabelled = None
    normal: Normal = None
    anomalous: Anomalous = None
    precision: Precision = None
    seed: Seed = 0
    backend: Backend = None


@dataclasses.dataclass(frozen=True)
class RunOptions(SingleOptions):
    """What `kdl run` takes; the help of each option says what it is."""

    epochs: Epochs = None
    out: Annotated[
        Path | None,
        typer.Option(help="New folder for the results. Defaults to runs/RECIPE-N."),
    ] = None
    wandb: Wandb = None
    devices: Devices = 1
    deterministic: Deterministic = False


@dataclasses.dataclass(frozen=True)
class LearnOptions(SingleOptions):
    """What `kdl learn` takes; the help of each option says what it is."""

    epochs: Epochs = None
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder for the results. Defaults to runs/RECIPE-learn-N."
        ),
    ] = None


@dataclasses.dataclass(frozen=True)
class SweepOptions(SingleOptions):
    """What `kdl lr` takes; the help of each option says what it is."""

    steps: Annotated[
        int,
        typer.Option(
            min=20, max=MOST, help="Number of training batches, one for each rate."
        ),
    ] = 100
    out: Annotated[
        Path | None,
        typer.Option(help="New folder for the results. Defaults to runs/RECIPE-lr-N."),
    ] = None


@dataclasses.dataclass(frozen=True)
class ProfileOptions(SingleOptions):
    """What `kdl profile` takes; the help of each option says what it is."""

    steps: Annotated[
        int,
        typer.Option(
            min=1, max=MOST, help="Number of steps to measure, after the first one."
        ),
    ] = 30
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST,
            help="Examples of a step, any number. Defaults to that of the recipe.",
        ),
    ] = None
    largest_batch: Annotated[
        bool,
        typer.Option(
            "--largest-batch",
            help="Also find the largest batch that fits, and the size that trains the "
            "most examples per second, each in a process of its own.",
        ),
    ] = False
    memory: Annotated[
        float | None,
        typer.Option(
            metavar="GB",
            help="Memory of the host that --largest-batch may use. Defaults to what is "
            "free, but for one GB.",
        ),
    ] = None
    minutes: Annotated[
        float | None,
        typer.Option(
            help="End --largest-batch after this number of minutes. Defaults to 5.",
        ),
    ] = None
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for a trace of some steps, for TensorBoard or Perfetto.",
        ),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON file for all that is measured."),
    ] = None
    overwrite: Overwrite = False
