"""What `kdl calibrate` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import Backend, Folder, Own


@dataclasses.dataclass(frozen=True)
class CalibrateOptions:
    """What `kdl calibrate` takes; the help of each option says what it is."""

    folder: Folder
    method: Annotated[
        str,
        typer.Option(
            help="temperature: logits are divided by one number; vector: each class "
            "has a factor and an offset."
        ),
    ] = "temperature"
    out: Annotated[
        Path | None,
        typer.Option(
            help="New folder for the results. Defaults to runs/RECIPE-calibrated-N."
        ),
    ] = None
    recipe: Own = None
    backend: Backend = None
