"""The progress of a training on a terminal."""

import contextlib
import time

import keras
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from kdl.callbacks.log_values import Scalars


class EpochProgress:
    """Shows the progress of a training: a bar on a terminal, elsewhere some lines.

    Args:
        console: `rich.console.Console`.
        epochs: Integer. Number of epochs of a training.
        metric: String. Metric to show beside.
    """

    def __init__(self, console, epochs, metric):
        self.console, self.epochs, self.metric = console, epochs, metric
        self._bar = Progress(
            # Without markup, since a name may hold brackets.
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn(
                "epoch {task.completed}/{task.total}  {task.fields[metric]}",
                markup=False,
            ),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = None
        self._scalars = Scalars("the progress")

    @contextlib.contextmanager
    def shown(self, title):
        """Shows a training, called `title`, while the block runs."""
        if not self.console.is_terminal:
            yield
            return
        self._task = self._bar.add_task(title, total=self.epochs, metric="")
        try:
            with self._bar:
                yield
        finally:
            self._bar.remove_task(self._task)

    def rename(self, title):
        """Shows that another training begins, called `title`."""
        if self.console.is_terminal:
            self._bar.update(self._task, description=title, completed=0, metric="")

    def update(self, epoch, logs):
        """Shows that `epoch`, counted from 0, has ended with these logs."""
        logs = self._scalars(logs)
        metric = f"{self.metric} {logs[self.metric]:.4g}" if self.metric in logs else ""
        if self.console.is_terminal:
            self._bar.update(self._task, completed=epoch + 1, metric=metric)
        elif (epoch + 1) % max(1, self.epochs // 5) == 0:
            self.console.print(f"epoch {epoch + 1}/{self.epochs}  {metric}")


class Stop(keras.callbacks.Callback):
    """Stops a fit after a signal whose `KeyboardInterrupt` was swallowed.

    Args:
        signals: `kdl.tuning.stop_signals.StopSignals`.
    """

    def __init__(self, signals):
        super().__init__()
        self.signals = signals

    def on_train_batch_begin(self, batch, logs=None):
        self.signals.check()

    def on_test_batch_begin(self, batch, logs=None):
        self.signals.check()

    def on_epoch_end(self, epoch, logs=None):
        self.signals.check()


class Count:
    """Shows how many things are done, once that takes longer than a few seconds.

    On a terminal it is one line that changes; elsewhere a line now and then.

    Args:
        console: `rich.console.Console`.
        what: String. What is counted.
    """

    def __init__(self, console, what):
        self._console, self._what, self._done = console, what, 0
        self._next = time.monotonic() + _WAIT
        self._live = None

    @contextlib.contextmanager
    def shown(self):
        """Shows the count while the block runs."""
        with contextlib.ExitStack() as opened:
            if self._console.is_terminal:
                live = Live(console=self._console, auto_refresh=False, transient=True)
                self._live = opened.enter_context(live)
            yield self

    def add(self, number):
        """Counts what is done."""
        self._done += number
        if time.monotonic() < self._next:
            return
        text = f"{self._done} {self._what}"
        if self._live is None:
            self._next = time.monotonic() + 10 * _WAIT
            self._console.print(text)
        else:
            self._live.update(text, refresh=True)


_WAIT = 2  # Seconds before the first sign of a `Count`.
