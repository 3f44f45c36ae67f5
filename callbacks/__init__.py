"""Callbacks for `model.fit`."""

from kdl.callbacks.adjust import Adjust
from kdl.callbacks.log_numbers import LogNumbers
from kdl.callbacks.reduce_on_plateau import ReduceOnPlateau
from kdl.callbacks.wandb_logger import WandbLogger

__all__ = ["Adjust", "LogNumbers", "ReduceOnPlateau", "WandbLogger"]
