"""The tuner of `kdl tune`, which shows its trials and keeps them as a table."""

from kdl.tuning import BayesianOptimization
from kdl_cli import reports
from kdl_cli.progress import EpochProgress


class Tuner(BayesianOptimization):
    """How `kdl tune` searches: this is the one place that says so."""

    def show(self, console, folder):
        """Has the trials shown while they run, and kept as a table in `folder`."""
        self._console, self._folder = console, folder
        self._progress = EpochProgress(
            console, folder.settings["epochs"], self.oracle.objective.name, lines=False
        )

    def rows(self):
        """The trials as dicts, in their order."""
        return [
            {
                "trial": int(trial.trial_id) + 1,
                "status": trial.status.lower(),
                self.oracle.objective.name: trial.score if completed(trial) else None,
                "best_epoch": trial.best_step + 1 if completed(trial) else None,
                "error": (trial.message or "").split("\n")[0],
                **trial.hyperparameters.values,
            }
            for trial in self.oracle.trials.values()
        ]

    def run_trial(self, trial, *args, **kwargs):
        title = f"trial {int(trial.trial_id) + 1}/{self.oracle.max_trials}"
        with self._progress.shown(title):
            return super().run_trial(trial, *args, **kwargs)

    def on_epoch_end(self, trial, model, epoch, logs=None):
        super().on_epoch_end(trial, model, epoch, logs)
        self._progress.update(epoch, logs)

    def on_trial_end(self, trial):
        super().on_trial_end(trial)
        rows = self.rows()
        self._folder.write_rows(reports.TRIALS, rows)
        row = rows[int(trial.trial_id)]
        name = self.oracle.objective.name
        self._console.print(
            f"trial {row['trial']}/{self.oracle.max_trials}  "
            + (row["error"] or f"{name} {row[name]:.4g}")
        )


def completed(trial):
    return trial.status == "COMPLETED"
