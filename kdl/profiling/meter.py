"""Measures the parts of the steps of a fit, from within."""

import contextlib
import itertools
import time

import keras

from kdl.private import replaced
from kdl.profiling.devices import moved, wait_for

PARTS = "data", "transfer", "compute", "callbacks", "other"
TRACED = 5  # Steps of a trace, after those that are measured.


class Meter:
    """Measures steps of the fits of a model, and ends them after enough steps.

    Each step lasts from the end of the one before to its own end, with nothing left
    to compute. What waits for a batch is timed where Keras asks for it: before the
    step on PyTorch, within it on the others.

    Args:
        model: Compiled `keras.Model`.
        steps: Integer. How many steps to measure, besides the first one.
        trace: Optional context manager to be entered for a few steps more. Defaults
            to `None`.

    Attributes:
        measured: List of dicts, one for each step: seconds by part, and `"step"`, all
            of them together. The first step compiles the model.
        batch: The first batch, as Keras gave it to the training step.
    """

    def __init__(self, model, steps, trace=None):
        self.model, self.steps, self.trace = model, steps, trace
        self.measured, self.batch = [], None
        self._stack, self._fetches = contextlib.ExitStack(), _fetches()

    @contextlib.contextmanager
    def inserted(self):
        """Has the fits of the model be measured, for a while."""
        model, fit = self.model, self.model.fit

        def measured_fit(*args, callbacks=None, **kwargs):
            # Which a fit of the user's own may add.
            kwargs.pop("validation_data", None)
            kwargs.pop("validation_split", None)
            callbacks = [
                self._told(self._begin_step, self._end_step),
                *(callbacks or ()),
                self._told(self._begun_step, self._ended_step),
            ]
            model.make_train_function()
            step = model.train_function
            model.train_function = lambda *given: self._timed(step, *given)
            try:
                return fit(*args, callbacks=callbacks, **kwargs)
            finally:
                model.train_function = step

        with replaced(model, {"fit": measured_fit}), self._stack:
            yield

    def _timed(self, function, *given):
        """Performs a step as `train_function` does, and times its parts."""
        *state, source = given
        begun = time.perf_counter()
        if self._fetches:
            count = self.model.steps_per_execution
            batches = list(itertools.islice(source, count))
            if not batches:
                raise StopIteration
        else:
            batches = source
        fetched = time.perf_counter()
        batches = moved(batches)
        there = time.perf_counter()
        if self.batch is None:
            self.batch = batches[0]
        result = function(*state, iter(batches) if self._fetches else batches)
        wait_for(result)
        self._computed = time.perf_counter()
        self._now["data"] += fetched - begun
        self._now["transfer"] = there - fetched
        self._now["compute"] = self._computed - there
        return result

    def _told(self, begin, end):
        """A callback that tells when its turn comes before and after each step."""
        return keras.callbacks.LambdaCallback(
            # What callbacks do at the beginning of an epoch is no part of a step.
            on_epoch_begin=lambda epoch, logs: self._begin_epoch(),
            on_train_batch_begin=lambda batch, logs: begin(),
            on_train_batch_end=lambda batch, logs: end(),
        )

    def _begin_epoch(self):
        self._ended = time.perf_counter()

    def _begin_step(self):
        now = time.perf_counter()
        before = 0.0 if self._fetches else now - self._ended
        self._now = dict.fromkeys(PARTS, 0.0) | {"data": before}
        self._mark = now

    def _begun_step(self):
        self._now["callbacks"] += time.perf_counter() - self._mark

    def _end_step(self):
        self._mark = time.perf_counter()

    def _ended_step(self):
        now = time.perf_counter()
        self._now["callbacks"] += now - self._mark
        step = now - self._ended
        self._now["other"] = step - sum(self._now[name] for name in PARTS[:-1])
        count = 1 + self.steps
        if len(self.measured) < count:
            self.measured.append(self._now | {"step": step})
            self._traced = 0
            if len(self.measured) == count and self.trace is not None:
                self._stack.enter_context(self.trace)
        else:
            self._traced += 1
        if len(self.measured) == count and (
            self.trace is None or self._traced == TRACED
        ):
            self._stack.close()
            self.model.stop_training = True
        self._ended = time.perf_counter()


def _fetches():
    """Whether a step of Keras asks for its batch itself."""
    return keras.backend.backend() != "torch"
