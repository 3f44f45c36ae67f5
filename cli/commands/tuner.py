"""The tuner of `kdl tune`, which shows its trials and keeps them as a table."""

import keras_tuner

from kdl import tuning
from kdl.tuning.engines.optuna_oracle import NEEDS, SAMPLERS
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
            "Optuna (pip install 'kdl[optuna]'), one of "
            f"{', '.join(map(_described, SAMPLERS))}. Received: --oracle={name!r}"
        )
    return _ORACLES[name](**options)


def _described(sampler):
    name = repr(f"optuna:{sampler}")
    if sampler not in NEEDS:
        return name
    _, what, extra = NEEDS[sampler]
    return f"{name} (needs {what}: pip install 'kdl[{extra}]')"


class Tuner(tuning.WandbTrials, DurableTuner, keras_tuner.Tuner):
    """How `kdl tune` searches: this is the one place that says so."""

    _display = None  # Workers on a cluster show nothing.

    def show(self, display, folder):
        """Has the trials shown while they run, and kept as a table in `folder`."""
        self._display, self._folder = display, folder

    def rows(self):
        """The trials as dicts, in their order."""
        record = tuning.read_search(self.project_dir)
        return report.rows_of(record)

    def on_trial_begin(self, trial):
        super().on_trial_begin(trial)
        if self._display:
            self._display.begin(int(trial.trial_id) + 1, self.rows())

    def on_epoch_end(self, trial, model, epoch, logs=None):
        super().on_epoch_end(trial, model, epoch, logs)
        if self._display:
            self._display.update(epoch, logs, self._execution)

    def on_trial_end(self, trial):
        super().on_trial_end(trial)
        if self._display:
            self.show_end(trial)

    def show_end(self, trial):
        """Shows a trial that has ended, and keeps it in the table."""
        rows = self.rows()
        self._folder.write_rows(reading.TRIALS, rows)
        self._display.end(rows[int(trial.trial_id)])
