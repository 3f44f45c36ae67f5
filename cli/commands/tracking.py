"""Weights & Biases, as the commands use it."""

import os
import shlex

from kdl.callbacks import WandbLogger

PROJECT = "kdl"


def loggers(mode, **options):
    """Returns a list of the callbacks that log to W&B, empty without a mode.

    Args:
        mode: Optional string: `"online"`, `"offline"` or `"disabled"`.
        **options: Other arguments of `kdl.callbacks.WandbLogger`.

    Raises:
        ValueError: If W&B has no such mode.
    """
    return [] if mode is None else [WandbLogger(PROJECT, mode=mode, **options)]


def silence():
    """Keeps W&B from printing between our lines, unless its variables are set."""
    os.environ.setdefault("WANDB_SILENT", "true")
    # Otherwise each run would log all that is printed, redrawn tables included.
    os.environ.setdefault("WANDB_CONSOLE", "off")


def lines(mode, path):
    """Yields a line that says where the runs of W&B are.

    Args:
        mode: Optional string.
        path: `Path` of the folder of the training or the search.
    """
    if mode == "offline":
        runs = f"{shlex.quote(str(path / 'wandb'))}/offline-run-*"
        yield f"To upload what W&B has logged: wandb sync {runs}"
    elif mode == "online":
        yield f"W&B has logged it in the project {PROJECT}, as {path.name}."
