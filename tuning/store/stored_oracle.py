"""An oracle of KerasTuner that survives being killed."""

import contextlib
import copy
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine import trial as trials

from kdl import private
from kdl.files import write_json
from kdl.tuning.goals.goal import Goal
from kdl.tuning.report import END, INFEASIBLE, unpacked
from kdl.tuning.store import files
from kdl.tuning.store.error_file import read_message
from kdl.tuning.store.folder import SearchFolder
from kdl.tuning.store.journal import FILE, Journal
from kdl.tuning.store.restoring import restored
from kdl.tuning.values import completed


class StoredOracle(keras_tuner.Oracle):
    """An oracle whose search survives being killed.

    KerasTuner keeps its state in several files, which it writes in place and one
    after the other. A process killed in between leaves half a file, which makes the
    whole search unreadable; a finished trial that is run again; or a trial that
    stays `RUNNING` for ever. Here files are written atomically, and on reload the
    trials' own files decide: what has ended stays ended, what has not goes on. Epochs
    are kept in a journal. What is lost or damaged is taken from the other files as far
    as they know it, with a warning. A search for another objective is refused.

    Args:
        **kwargs: Of `keras_tuner.Oracle`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._folder = SearchFolder()
        self._journal: Journal | None = None
        # Names of trials that go on where they stopped.
        self._interrupted = set()
        # KerasTuner's own stays locked for ever once a method raises.
        self._lock = threading.RLock()

    def stops(self, trial_id: str, execution: int) -> bool:
        """Returns whether a trial is to end after the epoch that it has reported."""
        return False

    @property
    def journal(self) -> Journal:
        """`Journal` of the search."""
        folder = Path(self._project_dir)
        if self._journal is None:
            self._journal = Journal(folder / FILE)
        return self._journal

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other processes from the search while the block runs.

        What another process has done in the folder since is read first.

        Raises:
            ValueError: If another process is searching there.
            WriteError: If the folder cannot be written to; later, if it is gone.
        """
        if self._folder.is_held:
            yield
            return
        with self._folder.held(Path(self._project_dir)):
            if not self.is_known:
                self.reload()
            yield

    @property
    def is_known(self) -> bool:
        """Boolean. Whether the folder is as this oracle has left or read it."""
        return self._folder.is_known(private.oracle_file(self))

    def forget(self) -> None:
        """Has the folder read again when it is held next."""
        self._folder.forget()

    def create_trial(self, tuner_id: str) -> trials.Trial:
        with self._lock:
            ongoing = self.ongoing_trials.get(tuner_id)
            trial = super().create_trial(tuner_id)
            if trial.status == trials.TrialStatus.RUNNING and trial is not ongoing:
                again = trial.trial_id in self._interrupted
                self._interrupted.discard(trial.trial_id)
                values = trial.hyperparameters.values
                self.journal.append("begin", trial.trial_id, again=again, values=values)
            return trial

    def update_trial(
        self, trial_id: str, metrics: Mapping[str, float], step: int = 0
    ) -> trials.Trial:
        with self._lock:
            metrics, execution, event = unpacked(metrics)
            if execution is None:
                return super().update_trial(trial_id, metrics, step)
            trial = self.trials[trial_id]
            if event == INFEASIBLE:
                self.journal.append("infeasible", trial_id, metrics=metrics)
                return trial
            if event == END:
                self.journal.append(
                    "execution",
                    trial_id,
                    execution=execution,
                    best_epoch=step,
                    metrics=metrics,
                )
                return trial
            self.journal.append(
                "epoch", trial_id, execution=execution, epoch=step, logs=metrics
            )
            if not self.stops(trial_id, execution):
                return trial
            self.journal.append("pruned", trial_id, epoch=step)
            # What KerasTuner's protocol foresees, if not its code. The trial itself
            # ends as all do.
            told = copy.copy(trial)
            told.status = trials.TrialStatus.STOPPED
            return told

    def end_trial(self, trial: trials.Trial) -> None:
        with self._lock:
            if trial.message is None and trial.status != trials.TrialStatus.COMPLETED:
                trial.message = read_message(private.trial_folder(self, trial.trial_id))
            super().end_trial(trial)
            ended = self.trials[trial.trial_id]
            self.journal.append(
                "end",
                trial.trial_id,
                status=ended.status,
                score=ended.score,
                best_step=ended.best_step,
                values=ended.hyperparameters.values,
            )

    def give_back(self, tuner_id: str) -> None:
        """Has the trial of a worker that died go on in the next one that asks.

        Args:
            tuner_id: String. Of the worker.
        """
        with self._lock:
            self.tuner_ids.discard(tuner_id)
            trial = self.ongoing_trials.pop(tuner_id, None)
            if trial is not None:
                self._requeue(trial)
                self.save()

    def save(self) -> None:
        """Writes what the search knows, whole or not at all."""
        path = private.oracle_file(self)
        write_json(path, self.get_state())
        self._folder.know(path)

    def identity(self) -> dict[str, Any]:
        """Returns what another oracle must have to go on with the search, as a dict."""
        # What several objectives, and constraints, are comes besides.
        objective = [self.objective.name, self.objective.direction]
        if isinstance(self.objective, Goal):
            objective.append(self.objective.get_config())
        return {"objective": objective, "seed": self.seed}

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), **self.identity()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        before, ours = state["objective"], self.identity()["objective"]
        if before != ours:
            raise ValueError(
                f"The search in {self._project_dir} has the objective "
                f"{_described(before)}, not {_described(ours)}. Choose another "
                "directory."
            )
        # What the trials say themselves.
        own = {"ongoing_trials": {}, "retry_queue": []}
        super().set_state(state | own | {"tried_so_far": [], "id_to_hash": {}})

    def reload(self) -> None:
        path = private.oracle_file(self)
        self._folder.know(path)
        self._journal = None
        state, self.trials = restored(path.parent, self.journal, self.get_state())
        self.set_state(state)
        for trial in self.trials.values():
            self.update_space(trial.hyperparameters)
            self._record_values(trial)
            if trial.status not in files.ENDED:
                self._requeue(trial)

    @property
    def _project_dir(self):
        # KerasTuner makes it anew whenever it is not there.
        folder = private.search_folder(self)
        self._folder.check(folder)
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    def _requeue(self, trial):
        if trial.status == trials.TrialStatus.RUNNING:
            # One that failed, and is to be tried again, begins anew.
            self._interrupted.add(trial.trial_id)
        fresh = trials.Trial(trial.hyperparameters, trial.trial_id)
        self.trials[trial.trial_id] = fresh
        private.queue_trial(self, trial.trial_id)

    def _record_values(self, trial):
        # KerasTuner's own drops, or draws anew without a seed, what is declared under
        # several conditions by one name.
        hp = trial.hyperparameters
        hp.values = values = completed(hp.space, hp.values)
        if not self.tune_new_entries:
            # What the search leaves alone is in no values that it proposes.
            names = {parameter.name for parameter in self.hyperparameters.space}
            values = {name: value for name, value in values.items() if name in names}
        private.remember_values(self, trial.trial_id, values)

    def _save_trial(self, trial):
        folder = private.trial_folder(self, trial.trial_id)
        write_json(folder / "trial.json", trial.get_state())


def _described(objective):
    """Text that tells an objective, as `identity` has it, from another."""
    _, _, *config = objective
    return str(Goal.from_config(*config) if config else objective)
