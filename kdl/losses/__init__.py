"""Losses."""

from kdl.losses.sparse_categorical_crossentropy import SparseCategoricalCrossentropy
from kdl.losses.weighted_loss import WeightedLoss

__all__ = ["SparseCategoricalCrossentropy", "WeightedLoss"]
