"""What `kdl tune` takes."""

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
    Normal,
    Precision,
    Recipe,
    Seed,
    Teacher,
    Unlabelled,
    Wandb,
)


@dataclasses.dataclass(frozen=True)
class SearchOptions:
    """What `kdl tune` takes; the help of each option says what it is."""

    recipe: Recipe
    trials: Annotated[
        int,
        typer.Option(
            min=1, max=MOST, help="Number of trials in all, also of a resumed search."
        ),
    ] = 20
    data: Data = None
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:min|max]",
            help="What early stopping and a search go by, such as val_accuracy, or "
            "params, flops or latency_ms of the model. Repeatable: several search the "
            "front. Defaults to that of the recipe; a KerasTuner hypermodel has none.",
        ),
    ] = None
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME<=NUMBER",
            help="What the best trial has to meet, such as params<=100000, with <=, <, "
            ">= or >. Repeatable.",
        ),
    ] = None
    pick: Annotated[
        str | None,
        typer.Option(
            metavar="knee|NAME<=NUMBER",
            help="Which model of the front of several objectives to keep: the knee, or "
            "the best by the first objective that meets a bound. Defaults to the best "
            "by the first.",
        ),
    ] = None
    backbone: Backbone = None
    teacher: Teacher = None
    unlabelled: Unlabelled = None
    normal: Normal = None
    anomalous: Anomalous = None
    precision: Precision = None
    epochs: Epochs = None
    seed: Seed = 0
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the search. A search in it is resumed. Defaults to "
            "runs/RECIPE-tune."
        ),
    ] = None
    oracle: Annotated[
        str,
        typer.Option(
            help="What proposes the trials: bayesian, random, grid, or a sampler of "
            "Optuna, such as optuna:tpe."
        ),
    ] = "bayesian"
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Fix a hyperparameter: only this value is tried. Repeatable.",
        ),
    ] = None
    range_: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="NAME=LOW,HIGH",
            help="Narrow the range of a numeric hyperparameter. Repeatable.",
        ),
    ] = None
    choices: Annotated[
        list[str] | None,
        typer.Option(
            "--choices",
            metavar="NAME=A,B",
            help="Narrow a choice to some of its values. Repeatable.",
        ),
    ] = None
    from_: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Folder of an earlier search, over a space that is the same in part, "
            "to begin with what it found. Repeatable.",
        ),
    ] = None
    prune: Annotated[
        bool | None,
        typer.Option(
            "--prune/--no-prune",
            help="End a trial early whose best epoch is worse than the median. The "
            "default, unless there are several objectives.",
        ),
    ] = None
    folds: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=MOST,
            help="Score each trial by cross-validation with this number of folds.",
        ),
    ] = None
    nested: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=MOST,
            metavar="FOLDS",
            help="Say what the search is worth: search anew in each of so many folds, "
            "and test what it finds on examples that the search has not seen.",
        ),
    ] = None
    ensemble: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=MOST,
            help="Combine the best trials, up to this number, to the model of the "
            "search: the validation set chooses them one by one.",
        ),
    ] = None
    total_epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST**2,
            help="End the search after this number of epochs in all.",
        ),
    ] = None
    minutes: Annotated[
        float | None, typer.Option(help="End the search after this number of minutes.")
    ] = None
    wandb: Wandb = None
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Log each trial for TensorBoard.")
    ] = False
    deterministic: Deterministic = False
    engine: Annotated[
        str, typer.Option(help="Where trials run: local, or ray, a Ray cluster.")
    ] = "local"
    workers: Annotated[
        int,
        typer.Option(
            min=1, max=MOST, help="Number of trials that run in parallel on a cluster."
        ),
    ] = 1
    devices: Devices = 1
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet", help="Print one line per trial instead of a live table."
        ),
    ] = False
    backend: Backend = None
