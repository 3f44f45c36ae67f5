"""What `kdl examine` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import Backend, Folder, Overwrite, Own


@dataclasses.dataclass(frozen=True)
class ExamineOptions:
    """What `kdl examine` takes; the help of each option says what it is."""

    folder: Folder
    data: Annotated[
        str | None,
        typer.Option(
            help="Data set, as `kdl.data.load` takes it. Its test set is examined. "
            "Defaults to that of the training."
        ),
    ] = None
    curve: Annotated[
        bool,
        typer.Option(
            "--curve",
            help="Train on an eighth, a quarter, a half and all of the training set, "
            "to see whether more data help.",
        ),
    ] = False
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the page. Defaults to examination, in FOLDER."),
    ] = None
    overwrite: Overwrite = False
    recipe: Own = None
    backend: Backend = None
