"""Weights & Biases."""

import contextlib
import importlib.util
import math
import os
import tempfile
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import keras

from kdl.callbacks.arguments import check_dict, check_path, check_string
from kdl.callbacks.deep_copies import copy_sharing
from kdl.callbacks.failures import Outlive
from kdl.callbacks.log_numbers import numbers_in_force
from kdl.callbacks.log_values import BatchCount, Scalars, histograms, is_due
from kdl.callbacks.logging.wandb_tables import tables
from kdl.callbacks.monitoring import MonitoredMetric, get_state, set_state
from kdl.callbacks.readable_data import check_sample, sample_of
from kdl.checks import check_choice, check_integer, check_optional
from kdl.typing import Arrays, Mode, StrPath


class WandbLogger(keras.callbacks.Callback):
    """Logs each `fit` to Weights & Biases as a run, on every backend.

    W&B's own Keras callbacks import TensorFlow, and fail on JAX under a learning
    rate schedule. This one logs under the same names, so that old and new runs
    compare; the first of each row is the step metric of the others:

        epoch/epoch       epoch/loss  epoch/val_loss  epoch/learning_rate
        batch/batch_step  batch/loss                  batch/learning_rate

    `epoch/epoch` is Keras's index of the epoch. `batch/batch_step` is how many
    batches this `fit` has trained; W&B's own starts at zero and drifts unless
    `log_batches` divides the steps of an epoch. Beside the learning rate, each row
    has all that `kdl.callbacks.LogNumbers` would log. Further rows over the epochs,
    each n-th and the last, are there for the asking:

        histogram/weights/<path>     weights of a layer
        histogram/gradient_norm      over all variables, in the last batch, where a
        histogram/update_ratio       `ControlledOptimizer(watch=True)` has them
        predictions/table            inputs, labels and predictions of a sample
        predictions/confusion_matrix

    Of the gradients, there are norms and no elements: these stay in the compiled step.

    The run's config gets `config` and, under `keras`, what the fit knows: backend,
    version, epochs, steps of an epoch, parameters of the model, optimizer. Its
    summary gets the last values and `epochs`, how many were trained.

    A run that `wandb.init` began earlier is used and left open. Any other run
    belongs to one `fit` alone: it never becomes `wandb.run`, and one left open by a
    `fit` that raised is finished as failed when the same logger begins the next. A
    fit that `kdl.callbacks.Resume` takes up goes on in its run, where it was. Offline,
    these are two folders of one run, which `wandb sync` uploads in their order. In a
    search of KerasTuner, see `kdl.tuning.WandbTrials`.

    If W&B cannot be reached within 15 seconds, or those of `WANDB_INIT_TIMEOUT`, all
    further runs of the process are offline ones, with one warning. Any other failure of
    W&B becomes one warning; the training goes on, and nothing more is logged until the
    next `fit`. A missing API key counts as one, where W&B itself
    would wait at the terminal for somebody to type it.

    Args:
        project: String. Name of the project.
        name: Optional string. Name of the run. Defaults to `None`, for one made up
            by W&B.
        group: Optional string. Name shared by runs that belong together, such as
            the folds of a cross-validation. Defaults to `None`.
        config: Optional dict. Hyperparameters, to sort and filter runs by. Defaults
            to `None`.
        mode: `"online"`, `"offline"`, `"disabled"` or `None`. Offline runs wait on
            disk for `wandb sync`, disabled ones write nothing. Defaults to `None`,
            which leaves it to W&B and `WANDB_MODE`.
        directory: Optional path. Where W&B makes its folder `wandb`. Defaults to
            `None`, for `WANDB_DIR` or the working directory.
        log_batches: Integer in `[0, inf)`. Logs each n-th batch besides the epochs,
            with `steps_per_execution` the first one reported from there on. `0` costs
            nothing per batch; otherwise Keras waits for the result of each. Defaults
            to `0`. A tenth of an epoch is plenty for a curve.
        log_histograms: Integer in `[0, inf)`. After each n-th epoch and the last, logs
            the histograms. Defaults to `0`, for none.
        log_model: Integer in `[0, inf)`. After each n-th epoch and the last, logs the
            model as a version of the artifact `model-<id of the run>`, a `.keras`
            file. It has the alias `latest`, and `best` if its `monitor` is the best
            so far. Defaults to `0`, for none.
        monitor: String. Name of the metric in the logs that `best` goes by. Without
            any validation, no model is named so. Defaults to `"val_loss"`.
        monitor_mode: `"auto"`, `"min"` or `"max"`. What the best of it is. Defaults to
            `"auto"`, for what Keras knows of its metrics.
        log_predictions: Integer in `[0, inf)`. After each n-th epoch and the last, logs
            the predictions of `data`. Defaults to `0`, for none.
        data: Optional tuple `(x, y)` of examples to predict, a hundred or so, by a
            model of one output; or batches of them as `fit` takes them, of which the
            first 256 examples are read: a `keras.utils.PyDataset`, a
            `tf.data.Dataset`, a `DataLoader`, or another iterable, but no generator.
            An `x` of shape `(batch, height, width, channels)` is
            shown as images. The confusion matrix is for outputs of a unit for each
            class, and a `y` of integers or one-hot vectors. Defaults to `None`.

    Raises:
        ImportError: If W&B is not installed.
        ValueError: If an argument is not as described, or, with `log_model`, if the
            logs of the first epoch have no `monitor`.

    Example:

    >>> logger = kdl.callbacks.WandbLogger("digits", mode="offline")
    >>> model.fit(x, y, epochs=5, callbacks=[logger])

    References:
        - [W&B's own callbacks](https://docs.wandb.ai/models/integrations/keras)
    """

    def __init__(
        self,
        project: str,
        name: str | None = None,
        group: str | None = None,
        config: dict[str, Any] | None = None,
        mode: Literal["online", "offline", "disabled"] | None = None,
        directory: StrPath | None = None,
        log_batches: int = 0,
        log_histograms: int = 0,
        log_model: int = 0,
        monitor: str = "val_loss",
        monitor_mode: Mode = "auto",
        log_predictions: int = 0,
        data: Arrays | None = None,
    ) -> None:
        super().__init__()
        spec = importlib.util.find_spec("wandb")
        # W&B's folder of runs, ./wandb, passes for a package, but one without origin.
        if spec is None or spec.origin is None:
            raise ImportError("WandbLogger needs W&B: pip install 'keras-kdl[wandb]'")
        self.project = check_string("project", project)
        self.name = check_optional(check_string, "name", name)
        self.group = check_optional(check_string, "group", group)
        self.config = check_optional(
            check_dict, "config", config, "hyperparameters by name, or None"
        )
        self.mode = check_choice("mode", mode, (None, "online", "offline", "disabled"))
        self.directory = check_optional(check_path, "directory", directory)
        self.log_batches = check_integer("log_batches", log_batches, "[0, inf)")
        self.log_histograms = check_integer(
            "log_histograms", log_histograms, "[0, inf)"
        )
        self.log_model = check_integer("log_model", log_model, "[0, inf)")
        self.monitor = check_string("monitor", monitor)
        self.monitor_mode = check_choice(
            "monitor_mode", monitor_mode, ("auto", "min", "max")
        )
        self.log_predictions = check_integer(
            "log_predictions", log_predictions, "[0, inf)"
        )
        self.data = check_optional(check_sample, "data", data)
        if bool(self.log_predictions) != (data is not None):
            given = "None" if data is None else "(x, y)"
            raise ValueError(
                "`log_predictions` and `data` must be given together. Received: "
                f"log_predictions={self.log_predictions}, data={given}"
            )
        self._sample = None  # What is read of the data.
        self._run = None  # The run to log into.
        self._own = None  # The run to finish.
        self._outlive = Outlive("WandbLogger", "W&B")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._finish(exit_code=1)
        self._outlive = Outlive("WandbLogger", "W&B")
        self._scalars = Scalars("WandbLogger")
        self._batches = BatchCount(self.log_batches)
        self._best = MonitoredMetric(
            self.monitor,
            self.monitor_mode,
            0.0,
            0.0,
            "find the best model by",
            "monitor_mode",
        )
        self._epochs = 0
        self._id = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        # Not before, since a fit that is taken up learns only now of which run it is.
        if self._run is None and not self._outlive.failed:
            with self._outlive("begin a run"):
                self._run = self._begin()

    @property
    def on_train_batch_end(self) -> Callable[..., None]:
        # Keras waits for every batch as soon as a callback overrides this hook.
        return self._on_batch if self.log_batches else super().on_train_batch_end

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epochs += 1
        self._batches.end_epoch()
        if not self._outlive.failed:
            with self._outlive("log an epoch"):
                self._log_epoch(epoch, logs)
        if self.log_model:
            # In each epoch, so that nobody waits to be told of a wrong name.
            value = self._best.look_up(self.model, logs)
            if is_due(self.log_model, epoch, self) and not self._outlive.failed:
                with self._outlive("log a model"):
                    self._log_model(epoch, value)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._sample = None
        self._finish(exit_code=int(self._outlive.failed))

    def get_state(self) -> dict[str, Any]:
        """Returns run and position, for `kdl.callbacks.Resume`."""
        return {
            "id": self._id,
            "epochs": self._epochs,
            "batches": get_state(self._batches),
            "best": get_state(self._best),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self._id, self._epochs = state["id"], state["epochs"]
        set_state(self._batches, state["batches"])
        set_state(self._best, state["best"])

    def begin_run(self, **options: Any) -> Any:
        """Returns a new run of W&B, of this logger's project, group and so forth.

        Args:
            **options: Arguments of `wandb.init`, also in place of these.

        Raises:
            wandb.Error: If W&B fails, or has no API key for an online run.
        """
        import wandb

        settings = wandb.setup().settings
        is_online = (self.mode or settings.mode) == "online"
        # `wandb.init` asks for a missing key without end, whatever `login_timeout`.
        if is_online and not wandb.login(prompt=False, verify=False):
            raise wandb.UsageError("No API key: use `wandb login` or mode='offline'")
        arguments = {
            "project": self.project,
            "name": self.name,
            "group": self.group,
            "mode": self.mode,
            # W&B writes in a process of its own, which stays where it began.
            "dir": self.directory and Path(self.directory).absolute(),
        }
        arguments |= options
        if not is_online:
            return wandb.init(**arguments)
        if not _UNREACHABLE.is_set():
            timeout = _PATIENCE
            if "WANDB_INIT_TIMEOUT" in os.environ:
                timeout = settings.init_timeout
            try:
                return wandb.init(
                    **arguments, settings=wandb.Settings(init_timeout=timeout)
                )
            except wandb.errors.AuthenticationError:
                raise
            except wandb.errors.CommError as error:
                _UNREACHABLE.set()
                reason = " ".join(str(error).split())
                warnings.warn(
                    f"W&B was not reached within {timeout:g} seconds. The runs of this "
                    "process are kept on disk, and `wandb sync` uploads them. "
                    f"CommError: {reason}",
                    stacklevel=2,
                )
        return wandb.init(**{**arguments, "mode": "offline"})

    def __getstate__(self) -> dict[str, Any]:
        # A run belongs to one fit; the model, emptied by JAX meanwhile, to the next.
        spent = dict.fromkeys(("_run", "_own", "_sample", "_model"))
        return {**self.__dict__, **spent}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy_sharing(self, self.data, memo)

    def _begin(self):
        import wandb

        run = wandb.run
        if run is None:
            resume = {"id": self._id, "resume": "allow"} if self._id else {}
            # A fit that is taken up in the process that was interrupted.
            if self._id in _OWN:
                _OWN[self._id].finish(exit_code=1)
            # By default, W&B may return a run of another logger, and forbid its own.
            run = self._own = self.begin_run(reinit="create_new", **resume)
            self._id = run.id
            _OWN[run.id] = run
        config = {"keras": self._facts(), **(self.config or {})}
        # W&B makes JSON of any value, but takes only strings as keys.
        config = {str(key): value for key, value in config.items()}
        run.config.update(config, allow_val_change=True)
        for kind, step in (("epoch", "epoch"), ("batch", "batch_step")):
            run.define_metric(f"{kind}/{step}")
            run.define_metric(f"{kind}/*", step_metric=f"{kind}/{step}")
        if self.log_histograms:
            run.define_metric("histogram/*", step_metric="epoch/epoch")
        if self.log_predictions:
            run.define_metric("predictions/*", step_metric="epoch/epoch")
        return run

    def _facts(self):
        model, params = self.model, self.params or {}
        optimizer = {"class_name": type(model.optimizer).__name__}
        # A schedule of the user's own need not have a config.
        with contextlib.suppress(Exception):
            optimizer.update(model.optimizer.get_config())
        return {
            "backend": keras.backend.backend(),
            "version": keras.version(),
            "epochs": params.get("epochs"),
            "steps": params.get("steps"),
            "parameters": model.count_params() if model.built else None,
            "optimizer": optimizer,
        }

    def _on_batch(self, batch, logs=None):
        picked = self._batches.picks(batch, (self.params or {}).get("steps"))
        if picked and not self._outlive.failed:
            with self._outlive("log a batch"):
                self._batches.check_thread()
                # On JAX, `self.model` is dear within an epoch: only read it to log.
                numbers = numbers_in_force(self.model)
                step = {"batch_step": self._batches.step}
                row = {**self._scalars(logs), **step, **numbers}
                self._run.log(_named("batch", row))

    def _log_epoch(self, epoch, logs):
        import wandb

        model, run = self.model, self._run
        numbers = numbers_in_force(model)
        row = {**self._scalars(logs), "epoch": epoch, **numbers}
        row = _named("epoch", row)
        # What is dear is only made for a run that keeps it.
        if is_due(self.log_histograms, epoch, self) and not run.disabled:
            for name, *histogram in histograms(model, numbers, bins=64):
                row[f"histogram/{name}"] = wandb.Histogram(np_histogram=histogram)
        if is_due(self.log_predictions, epoch, self) and not run.disabled:
            if self._sample is None:
                steps = (self.params or {}).get("steps")
                self._sample = sample_of("data", self.data, steps)
            row |= tables(model, self._sample)
        run.log(row)
        run.summary["epochs"] = self._epochs

    def _log_model(self, epoch, value):
        import wandb

        run, aliases, metadata = self._run, ["latest"], {"epoch": epoch}
        if run.disabled:
            return
        if value is not None and math.isfinite(value):
            metadata[self.monitor] = value
            self._best.update(epoch, value)
            if self._best.improved:
                aliases.append("best")
        artifact = wandb.Artifact(f"model-{run.id}", "model", metadata=metadata)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.keras"
            self.model.save(path)
            artifact.add_file(path)  # Which copies it.
            run.log_artifact(artifact, aliases=aliases)

    def _finish(self, exit_code):
        run, self._own, self._run = self._own, None, None
        if run is not None:
            with self._outlive("finish a run"):
                run.finish(exit_code=exit_code)


# Seconds after which the network counts as lost, where W&B would wait for 90, and
# whether it is, for this process: each trial of a search begins a run.
_PATIENCE, _UNREACHABLE = 15.0, threading.Event()
_OWN = weakref.WeakValueDictionary()  # Runs of all loggers, by their ids.


def _named(kind, row):
    return {f"{kind}/{key}": value for key, value in row.items()}
