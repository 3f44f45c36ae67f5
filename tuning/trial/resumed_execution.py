"""An execution of a trial that goes on after its last epoch."""

import itertools

from kdl.callbacks import Resume
from kdl.callbacks.resuming import checkpoint
from kdl.tuning.store.warn import warn


class ResumedExecution(Resume):
    """`Resume` for a hypermodel that may fit several times: a checkpoint for each.

    A hypermodel with a training loop of its own may call `on_epoch_end` alone, which
    is all that KerasTuner asks of it. Such a fit cannot be taken up.

    Args:
        folder: `Path` for the checkpoints of the execution.
        callbacks: List of callbacks. The state of those that have one is kept.
    """

    def __init__(self, folder, callbacks):
        stateful = [part for part in callbacks if hasattr(part, "get_state")]
        super().__init__(folder, callbacks=stateful)
        self.folder, self._fits = folder, itertools.count()
        self._fitting = False

    def on_train_begin(self, logs=None):
        self.directory = self.folder / f"fit_{next(self._fits)}"
        self._fitting = True
        paths = [path for path in (self.path, self.previous_path) if path.exists()]
        damage = [error for error in map(_damage, paths) if error is not None]
        if paths and len(damage) == len(paths):
            warn(f"{damage[0]}. This fit begins anew.")
            for path in paths:
                path.unlink()
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch, logs=None):
        if self._fitting:
            super().on_epoch_end(epoch, logs)


def _damage(path):
    """Why a checkpoint cannot be read, or `None` if it can."""
    try:
        checkpoint.read(path)
    except checkpoint.DamagedError as error:
        return error
    return None
