"""TensorBoard."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kdl.callbacks.arguments import (
    check_dict,
    check_function,
    check_path,
    refused_folder,
)
from kdl.callbacks.failures import Outlive
from kdl.callbacks.log_numbers import numbers_in_force
from kdl.callbacks.log_values import BatchCount, Scalars, histograms, is_due
from kdl.callbacks.monitoring import get_state, set_state
from kdl.checks import check_integer, check_optional
from kdl.typing import StrPath


class TensorBoardLogger(keras.callbacks.Callback):
    """Logs a `fit` for TensorBoard, on every backend and without TensorFlow.

    Keras's `TensorBoard` needs TensorFlow on any backend. This one writes the same
    files by what tensorboard itself has, under the same names, so that old and new
    runs compare. In `directory` there are two runs, which share their charts:

        train        epoch_loss  epoch_learning_rate  batch_loss
        validation   epoch_loss

    Epochs are at Keras's index of the epoch, batches at how many this `fit` has
    trained. Beside the learning rate there is all that `kdl.callbacks.LogNumbers`
    would log, such as `epoch_dropout/rate` and `epoch_gradient_norm/<path>`. Further,

        SCALARS       as above
        HISTOGRAMS    weights/<path>; gradient_norm and update_ratio over all
                      variables in the last batch, with ControlledOptimizer(watch=True)
        IMAGES        what a function of yours draws
        HPARAMS       hyperparameters beside the metrics of the validation, or if there
                      is none, of the training
        GRAPHS        the layers of a functional or Sequential model
        TEXT          the summary of any model

    Of the gradients, there are norms and no elements: these stay in the compiled step.

    One folder is for one fit. Another fit in it, of this logger or another, begins new
    files, of which TensorBoard draws the curves on top of each other; a fit that
    `kdl.callbacks.Resume` takes up continues the curves. The files are up to date at
    the end of each epoch.

    A disk that fails becomes one warning; the training goes on, and nothing more is
    logged until the next `fit`.

    Args:
        directory: String or `Path` of a folder, such as `"logs/first"`, made if need
            be. `tensorboard --logdir logs` shows all that are in `logs`.
        log_batches: Integer in `[0, inf)`. Logs each n-th batch besides the epochs,
            with `steps_per_execution` the first one reported from there on. `0` costs
            nothing per batch; otherwise Keras waits for the result of each. Defaults
            to `0`. A tenth of an epoch is plenty for a curve.
        log_histograms: Integer in `[0, inf)`. After each n-th epoch and the last, logs
            the histograms. Defaults to `0`, for none.
        log_images: Integer in `[0, inf)`. After each n-th epoch and the last, logs what
            `images` returns. Defaults to `0`, for nothing.
        images: Optional function of the model that returns a dict of pictures by name:
            `matplotlib.figure.Figure`s, or arrays of one image or several, of shape
            `(height, width)`, `(height, width, channels)` or `(images, height, width,
            channels)`, of floats in `[0, 1]` or `uint8`. Defaults to `None`.
        hparams: Optional dict of hyperparameters by name. What is neither a number, nor
            a string or boolean, is logged as its text. Defaults to `None`.

    Raises:
        ValueError: If an argument is not as described, or, when the fit begins, if the
            folder cannot be written to.

    Example:

    >>> logger = kdl.callbacks.TensorBoardLogger(folder / "first", log_histograms=1)
    >>> history = model.fit(x, y, validation_data=validation, callbacks=[logger])
    """

    def __init__(
        self,
        directory: StrPath,
        log_batches: int = 0,
        log_histograms: int = 0,
        log_images: int = 0,
        images: Callable[[keras.Model], Mapping[str, Any]] | None = None,
        hparams: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.directory = check_path("directory", directory)
        self.log_batches = check_integer("log_batches", log_batches, "[0, inf)")
        self.log_histograms = check_integer(
            "log_histograms", log_histograms, "[0, inf)"
        )
        self.log_images = check_integer("log_images", log_images, "[0, inf)")
        self.images = check_optional(check_function, "images", images)
        self.hparams = check_optional(
            check_dict, "hparams", hparams, "hyperparameters by name, or None"
        )
        if bool(self.log_images) != (images is not None):
            raise ValueError(
                "`log_images` and `images` must be given together. Received: "
                f"log_images={log_images}, images={images!r}"
            )
        self._files = {}  # By name of the run.
        self._outlive = Outlive("TensorBoardLogger", "TensorBoard")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._close(failed=True)
        self._outlive = Outlive("TensorBoardLogger", "TensorBoard")
        self._scalars = Scalars("TensorBoardLogger")
        self._batches = BatchCount(self.log_batches)
        try:
            train = self._file("train")
        except OSError as error:
            raise refused_folder(self.directory, error) from None
        with self._outlive("log the model"):
            train.add_model(self.model)

    @property
    def on_train_batch_end(self) -> Callable[..., None]:
        # Keras waits for every batch as soon as a callback overrides this hook.
        return self._on_batch if self.log_batches else super().on_train_batch_end

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches.end_epoch()
        if not self._outlive.failed:
            with self._outlive("log an epoch"):
                self._log_epoch(epoch, logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._close(failed=False)

    def get_state(self) -> dict[str, Any]:
        """Returns the position, for `kdl.callbacks.Resume`."""
        # What comes before a checkpoint is on disk when the fit is killed.
        with self._outlive("write its files"):
            self._flush()
        return get_state(self._batches)

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        set_state(self._batches, state)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": {}, "_model": None}

    def _on_batch(self, batch, logs=None):
        picked = self._batches.picks(batch, (self.params or {}).get("steps"))
        if picked and not self._outlive.failed:
            with self._outlive("log a batch"):
                self._batches.check_thread()
                # On JAX, `self.model` is dear within an epoch: only read it to log.
                values = {**self._scalars(logs), **numbers_in_force(self.model)}
                step = self._batches.step
                self._file("train").add_scalars(step, _named("batch", values))

    def _log_epoch(self, epoch, logs):
        model, train = self.model, self._file("train")
        logs, numbers = self._scalars(logs), numbers_in_force(model)
        metrics = {name: x for name, x in logs.items() if not name.startswith("val_")}
        train.add_scalars(epoch, _named("epoch", {**metrics, **numbers}))
        validation = {
            name.removeprefix("val_"): x
            for name, x in logs.items()
            if name not in metrics
        }
        last = self._file("validation") if validation else train
        if validation:
            last.add_scalars(epoch, _named("epoch", validation))
        if self.hparams and not any(f.has_session for f in self._files.values()):
            # TensorBoard lists them beside all other numbers of the run.
            last.begin_session(str(self.directory), _plain(self.hparams))
        if is_due(self.log_histograms, epoch, self):
            train.add_histograms(epoch, histograms(model, numbers, bins=30))
        if is_due(self.log_images, epoch, self):
            train.add_images(epoch, self.images(model))
        self._flush()

    def _file(self, run):
        """The open file of a run."""
        # Which imports tensorboard.
        from kdl.callbacks.logging.event_files import EventFile

        if run not in self._files:
            self._files[run] = EventFile(Path(self.directory) / run)
        return self._files[run]

    def _flush(self):
        for file in self._files.values():
            file.flush()

    def _close(self, failed):
        files, self._files = self._files, {}
        for file in files.values():
            with self._outlive("close its files"):
                file.close(failed)


def _named(kind, values):
    return {f"{kind}_{name}": value for name, value in values.items()}


def _plain(hparams):
    """Hyperparameters that TensorBoard takes: the others as their texts."""
    values = {
        str(name): value.item() if isinstance(value, np.generic) else value
        for name, value in hparams.items()
    }
    kinds = bool | int | float | str
    return {n: v if isinstance(v, kinds) else str(v) for n, v in values.items()}
