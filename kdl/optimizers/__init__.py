"""Optimizers: what happens around the update of another one."""

from kdl.optimizers.controlled_optimizer import ControlledOptimizer

__all__ = ["ControlledOptimizer"]
