"""What `kdl cross-validate` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import MOST, Epochs
from kdl_cli.options.single import SingleOptions


@dataclasses.dataclass(frozen=True)
class CrossValidateOptions(SingleOptions):
    """What `kdl cross-validate` takes; the help of each option says what it is."""

    epochs: Epochs = None
    folds: Annotated[
        int | None,
        typer.Option(min=2, max=MOST, help="Number of folds. Defaults to 5."),
    ] = None
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, help="How often to draw the folds. Defaults to once."
        ),
    ] = None
    leave_one_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-out", help="Test on one example at a time, all of them."
        ),
    ] = False
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of a table that is no input: rows with the same value, such "
            "as those of one person, stay in one fold.",
        ),
    ] = None
    scoring: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Metric of scikit-learn, such as f1_macro. Repeatable. Defaults to "
            "the loss and the metrics of the model.",
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST, help="Number of folds that train side by side, on Ray."
        ),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the folds, which are resumed if it has some. Defaults to "
            "runs/RECIPE-cross-validate."
        ),
    ] = None
