"""Writes the history of a fit."""

import keras

from kdl.callbacks.log_values import Scalars
from kdl_cli.folder import reading


class Record(keras.callbacks.Callback):
    """Writes the history of a fit to its folder after each epoch, and shows it.

    Args:
        folder: `Folder`.
        progress: `EpochProgress`.
    """

    def __init__(self, folder, progress):
        super().__init__()
        self.folder, self.progress = folder, progress
        self.rows, self._scalars = [], Scalars(reading.HISTORY)

    def on_epoch_end(self, epoch, logs=None):
        logs = self._scalars(logs)
        self.rows.append({"epoch": epoch + 1, **logs})
        self.folder.write_rows(reading.HISTORY, self.rows)
        self.progress.update(epoch, logs)
