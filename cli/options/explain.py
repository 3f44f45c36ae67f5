"""What `kdl explain` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import Backend, Folder, Inputs, Overwrite, Own, SkipDamaged


@dataclasses.dataclass(frozen=True)
class ExplainOptions:
    """What `kdl explain` takes; the help of each option says what it is."""

    folder: Folder
    inputs: Inputs
    method: Annotated[
        str,
        typer.Option(
            help="integrated_gradients, saliency or smooth_grad; of images also "
            "grad_cam, grad_cam_plus_plus or occlusion; of tables the first alone."
        ),
    ] = "integrated_gradients"
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for explanation.csv, and of images a PNG of each. Defaults to "
            "explanation, in FOLDER, for images; words and columns are printed."
        ),
    ] = None
    overwrite: Overwrite = False
    skip_damaged: SkipDamaged = False
    recipe: Own = None
    backend: Backend = None
