"""What `kdl export` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import Backend, Folder, Overwrite, Own


@dataclasses.dataclass(frozen=True)
class ExportOptions:
    """What `kdl export` takes; the help of each option says what it is."""

    folder: Folder
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="onnx, litert, openvino, saved_model, or torch, an exported program.",
        ),
    ]
    quantize: Annotated[
        str | None,
        typer.Option(
            help="int8, int4 or float16: numbers of fewer bits. Those of the test set "
            "say what that costs."
        ),
    ] = None
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="By how much a model may become worse when it is quantized, or it is "
            "not written: of the accuracy, or else a share of the loss. Defaults to "
            "0.01.",
        ),
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the model and metadata.json. Defaults to the name of the "
            "format, in FOLDER."
        ),
    ] = None
    overwrite: Overwrite = False
    recipe: Own = None
    backend: Backend = None
