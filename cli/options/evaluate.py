"""What `kdl evaluate` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import Averaged, Backend, Folder, Overwrite, Own


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """What `kdl evaluate` takes; the help of each option says what it is."""

    folder: Folder
    data: Annotated[
        str,
        typer.Option(
            help="Data set, as `kdl.data.load` takes it. Its test set is evaluated."
        ),
    ]
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for metrics and pictures. Defaults to evaluation, in FOLDER."
        ),
    ] = None
    overwrite: Overwrite = False
    tta: Averaged = None
    recipe: Own = None
    backend: Backend = None
