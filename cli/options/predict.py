"""What `kdl predict` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import (
    MOST,
    Averaged,
    Backend,
    Folder,
    Inputs,
    Overwrite,
    Own,
    SkipDamaged,
)


@dataclasses.dataclass(frozen=True)
class PredictOptions:
    """What `kdl predict` takes; the help of each option says what it is."""

    folder: Folder
    inputs: Inputs
    format_: Annotated[
        str, typer.Option("--format", help="csv or jsonl, a JSON object a line.")
    ] = "csv"
    out: Annotated[
        Path | None, typer.Option(help="File to write. Defaults to standard output.")
    ] = None
    overwrite: Overwrite = False
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder for what is predicted as PNG, of a recipe whose outputs are "
            "images."
        ),
    ] = None
    batch: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST,
            help="Number of inputs predicted at once. Defaults to that of the recipe.",
        ),
    ] = None
    skip_damaged: SkipDamaged = False
    tta: Averaged = None
    recipe: Own = None
    backend: Backend = None
