"""What `kdl generate` takes."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from kdl_cli.options.shared import MOST, Backend, Folder, Overwrite, Own


@dataclasses.dataclass(frozen=True)
class GenerateOptions:
    """What `kdl generate` takes; the help of each option says what it is."""

    folder: Folder
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST,
            help="Number of images or texts. Defaults to 64 images, or to one text.",
        ),
    ] = None
    class_: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="NAME",
            help="Class of the images. Defaults to all, equally often.",
        ),
    ] = None
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Beginning of the text.", show_default=False),
    ] = None
    length: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST,
            help="Tokens to write, which are characters by default. Defaults to as far "
            "as the texts go that were learned.",
        ),
    ] = None
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="What logits are divided by before a token is drawn; with 0 it is the "
            "likeliest. Defaults to 0.7.",
        ),
    ] = None
    top_p: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Tokens are drawn among the likeliest, which have this probability "
            "together. Defaults to all.",
        ),
    ] = None
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Draws images and texts.")
    ] = 0
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the images, generated in FOLDER by default; or file for "
            "the texts, standard output by default."
        ),
    ] = None
    overwrite: Overwrite = False
    recipe: Own = None
    backend: Backend = None
