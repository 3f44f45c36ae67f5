"""Callbacks for `model.fit`."""

from kdl.callbacks.wandb_logger import WandbLogger

__all__ = ["WandbLogger"]
