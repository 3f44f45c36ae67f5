"""The trials of a search as runs of Weights & Biases."""

from typing import Any

import keras_tuner

from kdl.callbacks import WandbLogger
from kdl.callbacks.failures import Outlive
from kdl.tuning.store.files import number_of


class WandbTrials:
    """Makes each trial of a search one run of W&B, in a group.

    This is a mixin for any `keras_tuner.Tuner`, before it in the list of bases. It
    takes a `WandbLogger` among the callbacks of `search` and begins a run for each
    trial, of the logger's project and mode, and of the group of the logger, or else of
    the project name of the search. The run of the third trial of a search `rates` is
    named `rates-3`. A run gets the hyperparameters as its config, and
    `score`, `best_step` and `status` in its summary. A trial that failed is marked so,
    and its `message` says why. Without a logger, nothing changes.

    While a trial runs, its run is `wandb.run`, which every logger joins: KerasTuner
    copies its callbacks for each execution of a trial, and without this, each copy
    would begin a run of its own, which knows neither hyperparameters nor failures, and
    stays open if its `fit` raises. Several executions follow each other in the run. A
    trial that is run again, after a failure or an interruption, gets a new one.

    A failure of W&B becomes one warning; the search goes on without, and its loggers
    are left out of the trials that follow.

    Raises:
        RuntimeError: If a run is open when the search begins, which the loggers would
            join for all trials.

    Example:

    >>> import keras_tuner
    >>> class Search(kdl.tuning.WandbTrials, keras_tuner.RandomSearch):
    ...     pass
    >>> def build(hp):
    ...     outputs = keras.layers.Dense(10, "softmax")
    ...     model = keras.Sequential([keras.layers.Flatten(), outputs])
    ...     adam = keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-1))
    ...     model.compile(adam, "sparse_categorical_crossentropy")
    ...     return model
    >>> tuner = Search(build, "val_loss", max_trials=2, directory=folder)
    >>> logger = kdl.callbacks.WandbLogger("digits", mode="offline")
    >>> tuner.search(x, y, validation_data=validation, callbacks=[logger])
    """

    def search(self, *args: Any, **kwargs: Any) -> None:
        callbacks = list(kwargs.get("callbacks") or ())
        self._logger = next((c for c in callbacks if isinstance(c, WandbLogger)), None)
        self._run, self._outlive = None, Outlive("WandbTrials", "W&B")
        if self._logger is not None:
            kwargs["callbacks"] = self._callbacks = callbacks
            _check_no_run()
        try:
            super().search(*args, **kwargs)
        finally:
            # What a trial left open that was interrupted.
            self._finish(exit_code=1)

    def on_trial_begin(self, trial: keras_tuner.engine.trial.Trial) -> None:
        super().on_trial_begin(trial)
        if self._logger is not None and not self._outlive.failed:
            with self._outlive("begin a run"):
                name = self._logger.name or self.project_name
                self._run = self._logger.begin_run(
                    name=f"{name}-{number_of(trial.trial_id)}",
                    group=self._logger.group or self.project_name,
                    config=dict(trial.hyperparameters.values),
                )
            if self._outlive.failed:
                # Else their copies would each wait for W&B, once a trial.
                self._callbacks[:] = [
                    callback
                    for callback in self._callbacks
                    if not isinstance(callback, WandbLogger)
                ]

    def on_trial_end(self, trial: keras_tuner.engine.trial.Trial) -> None:
        # Which decides whether the trial has failed, or is to be run again.
        super().on_trial_end(trial)
        if self._run is None:
            return
        trial = self.oracle.get_trial(trial.trial_id)
        with self._outlive("log a trial"):
            # Some hyperparameters are only known once the model was built.
            values = trial.hyperparameters.values
            self._run.config.update(values, allow_val_change=True)
            summary = {"status": trial.status, "score": trial.score}
            summary |= {"best_step": trial.best_step, "message": trial.message}
            known = {key: value for key, value in summary.items() if value is not None}
            self._run.summary.update(known)
        self._finish(exit_code=int(trial.status != "COMPLETED"))

    def _finish(self, exit_code):
        run, self._run = self._run, None
        if run is not None:
            with self._outlive("finish a run"):
                run.finish(exit_code=exit_code)


def _check_no_run():
    import wandb

    if wandb.run is not None:
        raise RuntimeError(
            "There is an open run of W&B, which all trials would log into. Finish it "
            f"before the search: wandb.finish(). Its name is {wandb.run.name!r}."
        )
