"""Writes the history of a fit."""

import keras

from kdl.callbacks.log_values import Scalars
from kdl_cli.folder import reading


class Record(keras.callbacks.Callback):
    """Writes the history of a fit to its folder after each epoch, and shows it.

    Args:
        folder: `Folder`.
        progress: `EpochProgress`.
        rows: List of dicts. What the folder has of a fit that is gone on with.
            Defaults to none.
    """

    def __init__(self, folder, progress, rows=()):
        super().__init__()
        self.folder, self.progress = folder, progress
        self.rows, self._scalars = list(rows), Scalars(reading.HISTORY)

    def on_epoch_end(self, epoch, logs=None):
        logs = self._scalars(logs)
        # An epoch that was written, but not saved, is trained again.
        self.rows = [row for row in self.rows if int(row["epoch"]) <= epoch]
        self.rows.append({"epoch": epoch + 1, **logs})
        self.folder.write_rows(reading.HISTORY, self.rows)
        self.progress.update(epoch, logs)
