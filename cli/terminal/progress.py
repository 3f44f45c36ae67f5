"""The progress of a training on a terminal."""

import contextlib

import keras
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
