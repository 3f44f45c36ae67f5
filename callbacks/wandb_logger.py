"""Weights & Biases."""

import contextlib
import importlib.util
import threading
import warnings

import keras

from kdl.callbacks.log_numbers import numbers_in_force
from kdl.checks import check_choice, check_integer


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
    has all that `kdl.callbacks.LogNumbers` would log.

    The run's config gets `config` and, under `keras`, what the fit knows: backend,
    version, epochs, steps of an epoch, parameters of the model, optimizer. Its
    summary gets the last values and `epochs`, how many were trained.

    A run that `wandb.init` began earlier is used and left open. Any other run
    belongs to one `fit` alone: it never becomes `wandb.run`, and one left open by a
    `fit` that raised is finished as failed when the same logger begins the next. In a
    search of KerasTuner, which copies its callbacks, it stays open until Python ends.

    A failure of W&B becomes one warning; the training goes on, and nothing more is
    logged until the next `fit`. A missing API key counts as one, where W&B itself
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

    Raises:
        ImportError: If W&B is not installed.
        ValueError: If `mode` or `log_batches` is none of its values.

    Example:

    >>> logger = kdl.callbacks.WandbLogger("digits", mode="offline")
    >>> model.fit(x, y, epochs=5, callbacks=[logger])

    References:
        - [W&B's own callbacks](https://docs.wandb.ai/models/integrations/keras)
    """

    def __init__(
        self,
        project,
        name=None,
        group=None,
        config=None,
        mode=None,
        directory=None,
        log_batches=0,
    ):
        super().__init__()
        spec = importlib.util.find_spec("wandb")
        # W&B's folder of runs, ./wandb, passes for a package, but one without origin.
        if spec is None or spec.origin is None:
            raise ImportError("WandbLogger needs W&B: pip install 'kdl[wandb]'")
        self.project = project
        self.name = name
        self.group = group
        self.config = config
        self.mode = check_choice("mode", mode, (None, "online", "offline", "disabled"))
        self.directory = directory
        self.log_batches = check_integer("log_batches", log_batches, "[0, inf)")
        self._run = None  # The run to log into, or None once W&B failed.
        self._own = None  # The run to finish.
        self._failed = False

    def on_train_begin(self, logs=None):
        self._finish(exit_code=1)
        self._failed = False
        self._epochs = self._step = self._first = 0
        self._thread = threading.get_ident()
        with self._outlive("begin a run"):
            run = self._begin()
            config = {"keras": self._facts(), **(self.config or {})}
            # W&B makes JSON of any value, but takes only strings as keys.
            config = {str(key): value for key, value in config.items()}
            run.config.update(config, allow_val_change=True)
            for kind, step in (("epoch", "epoch"), ("batch", "batch_step")):
                run.define_metric(f"{kind}/{step}")
                run.define_metric(f"{kind}/*", step_metric=f"{kind}/{step}")
            self._run = run

    def on_epoch_begin(self, epoch, logs=None):
        self._first = self._step

    @property
    def on_train_batch_end(self):
        # Keras waits for every batch as soon as a callback overrides this hook.
        return self._on_batch if self.log_batches else super().on_train_batch_end

    def on_epoch_end(self, epoch, logs=None):
        if self._run is not None:
            with self._outlive("log an epoch"):
                self._epochs += 1
                self._log("epoch", {**logs, "epoch": epoch})
                self._run.summary["epochs"] = self._epochs

    def on_train_end(self, logs=None):
        self._finish(exit_code=int(self._failed))

    def __getstate__(self):
        # A run belongs to one fit; the model, emptied by JAX meanwhile, to the next.
        return {**self.__dict__, "_run": None, "_own": None, "_model": None}

    def _begin(self):
        import wandb

        if wandb.run is not None:
            return wandb.run
        # `wandb.init` asks for a missing key without end, whatever `login_timeout`.
        if (
            self.mode in (None, "online")
            and wandb.setup().settings.mode == "online"
            and not wandb.login(prompt=False, verify=False)
        ):
            raise wandb.UsageError("No API key: use `wandb login` or mode='offline'")
        # By default, W&B may return a run of another logger, and forbid its own.
        self._own = wandb.init(
            project=self.project,
            name=self.name,
            group=self.group,
            mode=self.mode,
            dir=self.directory,
            reinit="create_new",
        )
        return self._own

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
        # With `steps_per_execution`, `batch` may lie beyond the end of the data.
        steps = (self.params or {}).get("steps") or batch + 1
        before, self._step = self._step, self._first + min(batch + 1, steps)
        passed = self._step // self.log_batches > before // self.log_batches
        if passed and self._run is not None:
            with self._outlive("log a batch"):
                # Keras runs a lone callback in a thread, where reading the model
                # would make JAX lose steps.
                if threading.get_ident() != self._thread:
                    raise RuntimeError("`fit` must get its callbacks in a list")
                self._log("batch", {**logs, "batch_step": self._step})

    def _log(self, kind, row):
        # On JAX, `self.model` is dear within an epoch: only read it to log.
        row |= numbers_in_force(self.model)
        self._run.log({f"{kind}/{key}": value for key, value in row.items()})

    def _finish(self, exit_code):
        run, self._own = self._own, None
        if run is not None:
            with self._outlive("finish a run"):
                run.finish(exit_code=exit_code)
        self._run = None

    @contextlib.contextmanager
    def _outlive(self, action):
        """Makes of the first failure a warning, and stops logging."""
        try:
            yield
        except Exception as error:
            self._run = None
            first, self._failed = not self._failed, True
            if first:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                warnings.warn(
                    f"WandbLogger failed to {action}; training goes on without W&B. "
                    f"{reason}",
                    stacklevel=3,  # The hook, beyond `contextlib`.
                )
