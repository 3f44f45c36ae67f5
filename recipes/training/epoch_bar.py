"""The progress of a fit in a notebook."""

import time

import keras

from kdl import notebook
from kdl.callbacks.log_values import Scalars


class EpochBar(keras.callbacks.Callback):
    """Shows in a notebook how far a fit is, and the objective, on one line.

    Args:
        epochs: Integer. Number of the last epoch.
        objective: `keras_tuner.Objective`.
    """

    def __init__(self, epochs, objective):
        super().__init__()
        self.epochs, self.objective = epochs, objective
        self._output, self._scalars = notebook.Output(), Scalars("the progress")

    def on_train_begin(self, logs=None):
        self._best, self._value, self._began = None, None, time.monotonic()
        self._first = self._ended = None

    def on_epoch_begin(self, epoch, logs=None):
        if self._first is None:
            self._first = epoch
            self._show(epoch, f"epoch {epoch + 1}/{self.epochs}")

    def on_epoch_end(self, epoch, logs=None):
        name, done = self.objective.name, epoch + 1
        self._value = self._scalars(logs).get(name)
        sign = -1 if self.objective.direction == "max" else 1
        if self._value is not None:
            found = sign * self._value, self._value, done
            self._best = found if self._best is None else min(self._best, found)
        self._ended = done
        each = (time.monotonic() - self._began) / (done - self._first)
        left = f", about {round(each * (self.epochs - done))} s left"
        self._show(done, f"epoch {done}/{self.epochs}" + self._scores() + left)

    def on_train_end(self, logs=None):
        if self._ended is not None:
            text = f"{self._ended} epoch{'s' if self._ended > 1 else ''}"
            if self._ended < self.epochs:
                text += f" of {self.epochs}"
            # The bar has done its work.
            text += self._scores()
            self._output.show(text, text)

    def _scores(self):
        if self._value is None:
            return ""
        _, best, epoch = self._best
        text = f", {self.objective.name} {self._value:.4g}"
        return text + f" (best {best:.4g} in epoch {epoch})"

    def _show(self, done, text):
        self._output.show(f"{notebook.bar(done, self.epochs)} {text}", text)
