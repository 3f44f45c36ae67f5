"""Metrics."""

from kdl.metrics.confusion_matrix import ConfusionMatrix
from kdl.metrics.f1_score import F1Score

__all__ = ["ConfusionMatrix", "F1Score"]
