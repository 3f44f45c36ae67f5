"""What several commands take."""

from pathlib import Path
from typing import Annotated

import typer

# The largest number of epochs, trials and so on; a larger one is a typing error.
MOST = 1_000_000

Recipe = Annotated[
    str,
    typer.Argument(
        help="Name of a recipe, see `kdl list`; or one of your own: my_recipe.py, "
        "my_recipe.py:Name or package.module:Name."
    ),
]
Objective = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:min|max]",
        help="What early stopping and a search go by, such as val_accuracy. Defaults "
        "to that of the recipe; a KerasTuner hypermodel has none.",
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(help="tensorflow, jax or torch. Defaults to Keras's choice."),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Data set, as `kdl.data.load` takes it: digits, gallery (other writers "
        "in the test set), tfds:NAME and so on. Defaults to that of the recipe."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Set a hyperparameter; `kdl describe` lists them. Repeatable.",
    ),
]
Hp = Annotated[
    Path | None,
    typer.Option(
        help="hyperparameters.json of a run or a search, or its folder, from which "
        "data and epochs are taken as well unless given. --set overrides it."
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST, help="Number of epochs. Defaults to that of the recipe."
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0, max=2**32 - 1, help="Random seed. The same seed gives the same training."
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="For a recipe that goes on from another model: the folder of a run, a "
        ".keras file, or keras.applications:NAME.",
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="For a recipe that learns from a teacher: the folder of its run.",
    ),
]
Unlabelled = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCE",
        help="For a recipe that learns from examples without labels, too: their data "
        "set, as of --data.",
    ),
]
Normal = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help="For a recipe that finds anomalies: the class that is normal.",
    ),
]
Anomalous = Annotated[
    str | None,
    typer.Option(
        metavar="CLASS",
        help="For a recipe that finds anomalies: the class that is not normal, while "
        "all others are.",
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Arithmetic of model and training: float32, mixed_bfloat16, "
        "mixed_float16 or float64. Defaults to float32.",
    ),
]
Deterministic = Annotated[
    bool,
    typer.Option(
        "--deterministic",
        help="Give the same numbers, bit by bit, each time on the same device, which "
        "may take longer.",
    ),
]
Devices = Annotated[
    int,
    typer.Option(
        min=1,
        max=MOST,
        help="Number of devices that train together, each on a part of every batch: "
        "GPUs, or else cores of the CPU.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what --out names, if it exists.")
]
Wandb = Annotated[
    str | None,
    typer.Option(
        metavar="MODE", help="Log to Weights & Biases: online, offline or disabled."
    ),
]
Folder = Annotated[
    Path, typer.Argument(help="Folder that `kdl run` or `kdl tune` has left.")
]
Own = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="Your recipe file, if the folder is of one. Its code is run.",
    ),
]
Averaged = Annotated[
    int | None,
    typer.Option(
        "--tta",
        metavar="N",
        min=2,
        max=1000,
        help="Average over so many variants of each input, made as the training "
        "augmented them (test-time augmentation). Defaults to none.",
    ),
]
Inputs = Annotated[
    list[str],
    typer.Argument(
        help="Files or folders of images, arrays (.npy, .npz), numbers (.csv, .tsv, "
        ".jsonl) or texts (.txt); or - for standard input. To classify a text, the "
        "text itself."
    ),
]
SkipDamaged = Annotated[
    bool,
    typer.Option(
        "--skip-damaged", help="Leave out images that cannot be read, and count them."
    ),
]
