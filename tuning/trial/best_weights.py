"""The best weights of a trial."""

import math
from pathlib import Path

import keras

from kdl.files import atomic


class BestWeights(keras.callbacks.Callback):
    """Saves the weights of the best epoch of all executions of a trial, atomically.

    KerasTuner's own writes in place, and when a trial goes on forgets the best.

    Args:
        objective: Optional `keras_tuner.Objective`. With `None`, the last epoch counts.
        path: String. File for the weights.
        scores: List of floats. Those of the executions that have ended.
    """

    def __init__(self, objective, path, scores):
        super().__init__()
        self.objective, self.path = objective, path
        lowest = objective is None or objective.direction == "min"
        self.best = math.inf if lowest else -math.inf
        for score in scores:
            self._is_best(score)

    def on_epoch_end(self, epoch, logs=None):
        # Without the objective in the logs, `fit` returns it at its end.
        has_value = self.objective is not None and self.objective.has_value(logs)
        is_best = not has_value or self._is_best(self.objective.get_value(logs))
        # The best may be lost, when a trial goes on.
        if is_best or not Path(self.path).exists():
            with atomic(self.path) as draft:
                self.model.save_weights(draft)

    def get_state(self):
        return {"best": self.best}

    def set_state(self, state):
        self.best = state["best"]

    def _is_best(self, score):
        is_best = self.objective.better_than(score, self.best)
        self.best = score if is_best else self.best
        return is_best
