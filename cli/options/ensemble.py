"""What `kdl ensemble` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import Backend, Own


@dataclasses.dataclass(frozen=True)
class EnsembleOptions:
    """What `kdl ensemble` takes; the help of each option says what it is."""

    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of runs or searches of one recipe and the same data."
        ),
    ]
    voting: Annotated[
        str | None,
        typer.Option(
            help="soft: the mean of probabilities; hard: a vote each; mean: the mean "
            "of outputs. Defaults to soft of classes, and to mean of anything else."
        ),
    ] = None
    weights: Annotated[
        str,
        typer.Option(
            help="equal; validation: those with the least loss on the validation set; "
            "greedy: members are added one by one as long as that helps there."
        ),
    ] = "equal"
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder for the results. Defaults to runs/RECIPE-ensemble-N."
        ),
    ] = None
    recipe: Own = None
    backend: Backend = None
