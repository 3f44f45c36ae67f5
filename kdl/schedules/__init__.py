"""Schedules: numbers that follow the training step."""

from kdl.schedules.one_cycle import OneCycle

__all__ = ["OneCycle"]
