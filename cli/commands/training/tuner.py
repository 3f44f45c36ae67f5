"""The oracle and the tuner of `kdl tune`, and what watches its trials."""

import contextlib

import keras_tuner

from kdl import tuning
from kdl.tuning.engines.optuna_oracle import NEEDS, SAMPLERS
from kdl.tuning.store.files import number_of
from kdl.tuning.tuner import DurableTuner
from kdl_cli.folder import reading, report

_ORACLES = {
    "bayesian": tuning.BayesianOptimizationOracle,
    "grid": tuning.GridSearchOracle,
    "random": tuning.RandomSearchOracle,
}


def make_oracle(name, **options):
    """Makes an oracle.

    Args:
        name: `"bayesian"`, `"grid"`, `"random"`, or `"optuna:"` and the name of one of
            Optuna's samplers, as `kdl.tuning.OptunaOracle` has them.
        **options: Its other arguments.

    Raises:
        ValueError: If there is none of this name.
    """
    kind, _, sampler = name.partition(":")
    if kind == "optuna" and (sampler in SAMPLERS or name == kind):
        return tuning.OptunaOracle(sampler=sampler or "tpe", **options)
    if name not in _ORACLES:
        raise ValueError(
            f"`--oracle` must be one of {', '.join(map(repr, _ORACLES))}, or, with "
            "Optuna (pip install 'keras-kdl[optuna]'), one of "
            f"{', '.join(map(_described, SAMPLERS))}. Received: --oracle={name!r}"
        )
    return _ORACLES[name](**options)


def _described(sampler):
    name = repr(f"optuna:{sampler}")
    if sampler not in NEEDS:
        return name
    _, what, extra = NEEDS[sampler]
    return f"{name} (needs {what}: pip install 'keras-kdl[{extra}]')"


class Tuner(tuning.WandbTrials, DurableTuner, keras_tuner.Tuner):
    """The tuner of `kdl tune`.

    Attributes:
        watcher: Optional `Watcher`. Workers on a cluster have none.
    """

    watcher = None

    def tell_unmet(self):
        """Leaves it to the end of the command."""

    def on_trial_begin(self, trial):
        super().on_trial_begin(trial)
        if self.watcher:
            self.watcher.begin(trial)

    def on_epoch_begin(self, trial, model, epoch, logs=None):
        super().on_epoch_begin(trial, model, epoch, logs)
        if self.watcher:
            self.watcher.display.begin_epoch(epoch, self._execution)

    def on_epoch_end(self, trial, model, epoch, logs=None):
        super().on_epoch_end(trial, model, epoch, logs)
        if self.watcher:
            self.watcher.display.end_epoch(epoch, logs, self._execution)

    def on_trial_end(self, trial):
        super().on_trial_end(trial)
        if self.watcher:
            self.watcher.end(trial)


class Watcher:
    """Shows the trials of a search, and keeps its table and its page up to date.

    Args:
        directory: String. Folder of the tuner.
        display: `TrialsDisplay`.
        folder: `Folder` of the search.
    """

    def __init__(self, directory, display, folder):
        self.display, self._directory, self._folder = display, directory, folder
        self._page = None

    def begin(self, trial):
        """Shows that a trial of KerasTuner begins."""
        rows = report.rows_of(tuning.read_search(self._directory))
        self.display.begin(number_of(trial.trial_id), rows)

    def end(self, trial):
        """Shows that a trial has ended, and updates table and page."""
        search = tuning.read_search(self._directory)
        rows = report.rows_of(search)
        self._folder.write_rows(reading.TRIALS, rows)
        self.display.end(rows[int(trial.trial_id)], rows)
        if self._page is None:
            # Imports Plotly, which takes a second.
            from kdl_cli.page.growing import GrowingPage

            self._page = GrowingPage(self._folder)
        self._page.update(search)

    def interrupted(self):
        """Has the page, if there is one, say that the search was interrupted."""
        if self._page is not None:
            # The search ends with its own message all the same.
            with contextlib.suppress(Exception):
                self._page.write(tuning.read_search(self._directory), "interrupted")
