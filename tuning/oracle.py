"""An oracle of KerasTuner that survives being killed."""

import contextlib
import copy
import itertools
import math
import sys
import threading
import time
from pathlib import Path

import keras_tuner
import numpy as np
from keras_tuner.engine import hyperparameters as kinds
from keras_tuner.engine import trial as trials

from kdl import private
from kdl.checks import check_boolean, check_integer, check_number, check_optional
from kdl.files import WriteError, hold, write_json
from kdl.seeds import ORACLE, integer
from kdl.tuning.encoding import Encoding, check_value, is_active
from kdl.tuning.store import files
from kdl.tuning.store.error_file import read_message
from kdl.tuning.store.journal import FILE, Journal
from kdl.tuning.store.warn import warn

# Among the metrics of `update_trial`, the one call of KerasTuner's protocol by which a
# worker can report: the execution that they are of, and whether it has ended.
EXECUTION, ENDED = "kdl/execution", "kdl/ended"
# Least distance between two trials that run side by side, in diagonals of the space.
_APART = 0.01


class DurableOracle(keras_tuner.Oracle):
    """An oracle whose search survives being killed, failing trials and bad scores.

    KerasTuner keeps its state in several files, which it writes in place and one
    after the other. A process killed in between leaves half a file, which makes the
    whole search unreadable; a finished trial that is run again; or a trial that
    stays `RUNNING` for ever. Here files are written atomically, and on reload the
    trials' own files decide: what has ended stays ended, what has not goes on. Epochs
    are kept in a journal. What is lost or damaged is taken from the other files as far
    as they know it, with a warning.

    What to try is a function of the seed and of the trials before, so that a search
    that was interrupted goes on as if it had not been. A subclass says it, in
    `suggestions`. No values are tried twice, and when there are no others, the search
    ends. A trial whose score is not finite has failed: KerasTuner takes an infinite
    loss for a good one. A search for another objective is refused.

    Args:
        objective: String, `keras_tuner.Objective` or a list of them.
        max_trials: Optional integer in `[1, inf)`. Number of trials, failed ones
            among them.
        seed: Optional integer in `[0, inf)`.
        max_total_epochs: Optional integer in `[1, inf)`. Epochs of all trials
            together, after which the search ends.
        max_seconds: Optional number in `(0, inf)`. Time that the search may take, all
            its parts together if it was interrupted.
        pruner: Optional pruner, such as `MedianStopping`.
        defaults_first: Boolean. Whether the first trial takes the default values,
            provided that one hyperparameter at least states one.
        max_consecutive_failed_trials: Optional integer in `[1, inf)`. Failures in a
            row that end the search with a `RuntimeError`. Defaults to `None`, no
            number.
        max_retries_per_trial: Integer in `[0, inf)`. How often a trial that failed is
            run again.
        hyperparameters: Optional `keras_tuner.HyperParameters`.
        tune_new_entries: Boolean, as of `keras_tuner.Oracle`.
        allow_new_entries: Boolean, likewise.

    Attributes:
        keeps_apart: Boolean. Whether suggestions close to a trial that still runs are
            passed over while there are others.
    """

    keeps_apart = True

    def __init__(
        self,
        objective=None,
        max_trials=None,
        seed=None,
        max_total_epochs=None,
        max_seconds=None,
        pruner=None,
        defaults_first=True,
        max_consecutive_failed_trials=None,
        max_retries_per_trial=0,
        hyperparameters=None,
        tune_new_entries=True,
        allow_new_entries=True,
    ):
        _check_objective(objective)
        max_trials = check_optional(check_integer, "max_trials", max_trials, "[1, inf)")
        seed = check_optional(check_integer, "seed", seed, "[0, inf)")
        # Without one, from the system: `random`, which KerasTuner asks, is seeded anew
        # by each trial.
        seed = integer(seed, ORACLE)
        max_total_epochs = check_optional(
            check_integer, "max_total_epochs", max_total_epochs, "[1, inf)"
        )
        max_seconds = check_optional(
            check_number, "max_seconds", max_seconds, "(0, inf)"
        )
        check_boolean("defaults_first", defaults_first)
        check_boolean("tune_new_entries", tune_new_entries)
        check_boolean("allow_new_entries", allow_new_entries)
        most = max_consecutive_failed_trials
        if most is None:
            most = sys.maxsize
        if pruner is not None and not callable(getattr(pruner, "prunes", None)):
            raise ValueError(
                "`pruner` must be a kdl.tuning.MedianStopping, another object with a "
                f"method `prunes`, or None. Received: pruner={pruner!r}"
            )
        if not isinstance(hyperparameters, keras_tuner.HyperParameters | None):
            raise ValueError(
                "`hyperparameters` must be a keras_tuner.HyperParameters or None. "
                f"Received: hyperparameters={hyperparameters!r}"
            )
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            seed=seed,
            max_consecutive_failed_trials=check_integer(
                "max_consecutive_failed_trials", most, "[1, inf)"
            ),
            max_retries_per_trial=check_integer(
                "max_retries_per_trial", max_retries_per_trial, "[0, inf)"
            ),
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
        )
        self.max_total_epochs, self.max_seconds = max_total_epochs, max_seconds
        self.pruner, self.defaults_first = pruner, defaults_first
        self._enqueued = []
        self._interrupted = set()
        self._seconds, self._since = 0.0, None
        self._journal = None
        self._failures = None
        # The lock on the folder; which folder it was when it was taken; and which file
        # of this oracle is there.
        self._hold = self._folder = self._stamp = None
        # KerasTuner's own stays locked for ever once a method raises.
        self._lock = threading.RLock()

    def suggestions(self, encoding, number):
        """Yields what to try, the best first; called once for each trial.

        Args:
            encoding: `Encoding` of the space as it is known.
            number: Integer. Of the trial, from 0.

        Yields:
            Dicts of values, which may have been tried.
        """
        raise NotImplementedError

    @property
    def journal(self):
        """`Journal` of the search."""
        folder = Path(self._project_dir)
        if self._journal is None:
            self._journal = Journal(folder / FILE)
        return self._journal

    @property
    def epochs(self):
        """Integer. Epochs of all trials so far."""
        return sum(entry.epochs for entry in self.journal.entries.values())

    @property
    def seconds(self):
        """Float. Time that the search has taken."""
        now = time.monotonic()
        return self._seconds + (now - self._since if self._since is not None else 0)

    @property
    def is_spent(self):
        """Boolean. Whether the budget of epochs or of time is."""
        return (
            self.max_total_epochs is not None and self.epochs >= self.max_total_epochs
        ) or (self.max_seconds is not None and self.seconds >= self.max_seconds)

    def enqueue(self, values):
        """Has values tried before those that the search finds.

        Args:
            values: List of dicts by name of hyperparameter. What one leaves out has
                its default. Those that were tried before are passed over.

        Raises:
            ValueError: If the space has no hyperparameter of a name, or if a
                hyperparameter cannot have its value, or has no effect beside the
                others.
        """
        if not isinstance(values, list | tuple) or not all(
            isinstance(some, dict) for some in values
        ):
            raise ValueError(
                f"`values` must be a list of dicts. Received: values={values!r}"
            )
        values = [self._checked(some) for some in values]
        with self.held():
            # A script that runs again says it again.
            self._enqueued += [some for some in values if some not in self._enqueued]
            self.save()

    @contextlib.contextmanager
    def held(self):
        """Keeps other processes from the search while the block runs.

        What another process has done in the folder since is read first.

        Raises:
            ValueError: If another process is searching there.
            WriteError: If the folder cannot be written to; later, if it is gone.
        """
        if self._hold is not None:
            yield
            return
        folder = Path(self._project_dir)
        with hold(folder, "searching") as self._hold:
            try:
                self._folder = _identity(folder)
                if not self.is_known:
                    self.reload()
                yield
            finally:
                self._hold = self._folder = None

    def populate_space(self, trial_id):
        if not self.is_spent:
            encoding = Encoding(self.hyperparameters.space)
            values = self._choose(encoding, int(trial_id))
            if values is not None:
                return {"status": trials.TrialStatus.RUNNING, "values": values}
        return {"status": trials.TrialStatus.STOPPED, "values": None}

    def create_trial(self, tuner_id):
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()
            ongoing = self.ongoing_trials.get(tuner_id)
            trial = super().create_trial(tuner_id)
            if trial.status == trials.TrialStatus.RUNNING and trial is not ongoing:
                again = trial.trial_id in self._interrupted
                self._interrupted.discard(trial.trial_id)
                values = trial.hyperparameters.values
                self.journal.append("begin", trial.trial_id, again=again, values=values)
            return trial

    def update_trial(self, trial_id, metrics, step=0):
        with self._lock:
            metrics = {name: float(value) for name, value in metrics.items()}
            execution = metrics.pop(EXECUTION, None)
            if execution is None:
                return super().update_trial(trial_id, metrics, step)
            trial, execution = self.trials[trial_id], int(execution)
            if metrics.pop(ENDED, None):
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
            if not self.is_spent and not self._is_pruned(trial_id, execution):
                return trial
            self.journal.append("pruned", trial_id, epoch=step)
            # What KerasTuner's protocol foresees, if not its code. The trial itself
            # ends as all do.
            told = copy.copy(trial)
            told.status = trials.TrialStatus.STOPPED
            return told

    def end_trial(self, trial):
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
            error, self._failures = self._failures, None
            if error is not None:
                raise error

    def give_back(self, tuner_id):
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

    def score_trial(self, trial):
        super().score_trial(trial)
        entry = self.journal.entry(trial.trial_id)
        if entry.best_epochs:
            epochs = list(entry.best_epochs.values())
            trial.best_step = round(sum(epochs) / len(epochs))
        if not math.isfinite(trial.score):
            trial.message = f"{self.objective.name} was {trial.score}"
            trial.score = math.nan  # Which KerasTuner takes for a failure.

    def save(self):
        path = private.oracle_file(self)
        write_json(path, self.get_state())
        self._stamp = _identity(path)

    def identity(self):
        """Returns what another oracle must have to go on with the search, as a dict."""
        return {"objective": self._objective(), "seed": self.seed}

    def get_state(self):
        return {
            **super().get_state(),
            **self.identity(),
            "enqueued": self._enqueued,
            "seconds": self.seconds,
        }

    def set_state(self, state):
        before = state["objective"]
        if before != self._objective():
            raise ValueError(
                f"The search in {self._project_dir} has the objective {before}, not "
                f"{self._objective()}. Choose another directory."
            )
        # What the trials say themselves.
        own = {"ongoing_trials": {}, "retry_queue": []}
        super().set_state(state | own | {"tried_so_far": [], "id_to_hash": {}})
        self._enqueued, self._seconds = state["enqueued"], state["seconds"]

    def reload(self):
        path = private.oracle_file(self)
        folder, self._stamp = path.parent, _identity(path)
        self._journal = None
        try:
            state = files.read_oracle(folder)
        except files.DamagedFileError as error:
            warn(f"{error}; what the other files know takes its place.")
            state = self._rebuilt(folder)
        space = state["hyperparameters"]["space"]
        known = map(int, {*state["start_order"], *state["end_order"]})
        states = files.read_trials(folder, self.journal, space, known)
        found = map(trials.Trial.from_state, states.values())
        self.trials = {trial.trial_id: trial for trial in found}
        self.set_state(state)
        self.start_order = list(self.trials)
        ended = dict.fromkeys(self.end_order)
        self.end_order = [
            trial_id
            for trial_id in ended
            if trial_id in self.trials and self.trials[trial_id].status in files.ENDED
        ]
        for trial_id, trial in self.trials.items():
            self.update_space(trial.hyperparameters)
            self._record_values(trial)
            if trial.status not in files.ENDED:
                self._requeue(trial)
            elif trial_id not in ended:
                self.end_order.append(trial_id)

    @property
    def is_known(self):
        """Boolean. Whether the folder is as this oracle has left or read it."""
        return self._stamp == _identity(private.oracle_file(self))

    def forget(self):
        """Has the folder read again when it is held next."""
        self._stamp = ()

    def _rebuilt(self, folder):
        """Its state, without its own file."""
        # The objective is that of the tuner's file, if there is one.
        known = files.read_spare(folder)
        entries = self.journal.entries
        return self.get_state() | {
            "objective": known.get("objective", self._objective()),
            "seed": known.get("seed", self.seed),
            "start_order": [entries[number].name for number in sorted(entries)],
            "end_order": [entries[number].name for number in self.journal.ended],
            "seconds": sum(entry.seconds for entry in entries.values()),
        }

    @property
    def _project_dir(self):
        # KerasTuner makes it anew whenever it is not there.
        folder = private.search_folder(self)
        if self._folder is not None and self._folder != _identity(folder):
            raise WriteError(
                f"The folder {folder} of the search is gone: it was deleted or "
                "replaced while the search ran."
            )
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
        hp.values = values = _completed(hp.space, hp.values)
        private.remember_values(self, trial.trial_id, values)

    def _choose(self, encoding, number):
        """Values that were not tried, or `None` if there are no others."""
        for values in self._wishes():
            if not private.is_duplicate(self, values):
                return values
        is_near = self._nearness(encoding)
        near = None
        for values in self.suggestions(encoding, number):
            if private.is_duplicate(self, values):
                continue
            if not is_near(values):
                return values
            near = near or values
        return near

    def _checked(self, values):
        """Returns values as KerasTuner has them, if the space can have them."""
        space = self.hyperparameters.space
        names = {parameter.name for parameter in space}
        for name in values:
            if name not in names:
                raise ValueError(
                    f"The space has no hyperparameter {name!r}. It has: "
                    f"{', '.join(sorted(names))}."
                )
        checked, found = {}, {}
        for parameter in space:
            name = parameter.name
            if not is_active(parameter, found):
                continue
            found[name] = parameter.default
            if name in values:
                found[name] = checked[name] = check_value(parameter, values[name])
        for name in values:
            if name not in checked:
                raise ValueError(
                    f"The hyperparameter {name!r} has no effect beside the other "
                    "values. Leave it out, or give those on which it depends. "
                    f"Received: {values}"
                )
        return checked

    def _wishes(self):
        """Values that are not the search's own."""
        space = self.hyperparameters.space
        for values in self._enqueued:
            with contextlib.suppress(ValueError):  # Of a file that was damaged.
                yield _completed(space, self._checked(values))
        # Where nobody states one, KerasTuner takes the least value, or the first.
        stated = any(part.default != _implied_default(part) for part in space)
        if self.defaults_first and stated:
            yield _completed(space, {})

    def _nearness(self, encoding):
        """Function that says whether values are close to those of a trial that runs."""
        running = [
            trial.hyperparameters.values
            for trial in self.trials.values()
            if trial.status not in files.ENDED
        ]
        if not (self.keeps_apart and running and encoding.size):
            return lambda values: False
        places = encoding.features_of(running)
        least = _APART * math.sqrt(encoding.size)

        def is_near(values):
            away = places - encoding.features_of([values])
            return np.linalg.norm(away, axis=1).min() < least

        return is_near

    def _is_pruned(self, trial_id, execution):
        # Of several executions, the first one decides.
        if self.pruner is None or execution:
            return False
        curves = {
            other: self.journal.entry(other).losses(self.objective)
            for other, trial in self.trials.items()
            if trial.status != trials.TrialStatus.FAILED
        }
        mine = curves.pop(trial_id)
        return self.pruner.prunes(mine, list(curves.values()))

    def _retry(self, trial):
        again = super()._retry(trial)
        if again:
            # Else the score of this time would be that of the next.
            trial.metrics = type(trial.metrics)()
        return again

    def _check_consecutive_failures(self):
        # Those since the last success alone: what has made others fail may be mended.
        failed = itertools.takewhile(
            lambda trial_id: self.trials[trial_id].status == trials.TrialStatus.FAILED,
            reversed(self.end_order),
        )
        if len(list(failed)) >= self.max_consecutive_failed_trials:
            message = self.trials[self.end_order[-1]].message or ""
            # Raised when all is saved and no lock is held.
            self._failures = RuntimeError(
                "Number of consecutive failures exceeded the limit of "
                f"{self.max_consecutive_failed_trials}.\n{message}"
            )

    def _save_trial(self, trial):
        folder = private.trial_folder(self, trial.trial_id)
        write_json(folder / "trial.json", trial.get_state())

    def _objective(self):
        # Several in one have their parts besides.
        parts = getattr(self.objective, "name_to_direction", None)
        return [
            self.objective.name,
            self.objective.direction,
            *([parts] if parts else []),
        ]


def _identity(path):
    """What tells a file or folder from another that takes its place, or `None`."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    # The time of a folder changes with what is in it.
    return stat.st_dev, stat.st_ino, None if path.is_dir() else stat.st_mtime_ns


def _check_objective(objective):
    """Raises a `ValueError` unless it is one of KerasTuner's, a name, or a list."""
    parts = objective if isinstance(objective, list) else [objective]
    # Without one, a trial returns what is to be minimized.
    if objective is not None and not (parts and all(map(_is_objective, parts))):
        raise ValueError(
            "`objective` must be the name of a metric, a keras_tuner.Objective of "
            "direction 'min' or 'max', or a list of such. "
            f"Received: objective={objective!r}"
        )


def _is_objective(part):
    if isinstance(part, keras_tuner.Objective):
        return part.direction in ("min", "max") and isinstance(part.name, str)
    return isinstance(part, str) and part != ""


def oracle_arguments(kwargs):
    """Takes out of the arguments of a tuner those that are its oracle's."""
    return {name: kwargs.pop(name) for name in _ORACLE if name in kwargs}


_ORACLE = (
    "seed",
    "hyperparameters",
    "tune_new_entries",
    "allow_new_entries",
    "max_retries_per_trial",
    "max_consecutive_failed_trials",
    "max_total_epochs",
    "max_seconds",
    "pruner",
    "defaults_first",
)


def _completed(space, values):
    """Active values: those given, and the defaults of the others."""
    found = {}
    for parameter in space:
        if is_active(parameter, found):
            found[parameter.name] = values.get(parameter.name, parameter.default)
    return found


def _implied_default(parameter):
    if hasattr(parameter, "min_value"):
        return parameter.min_value
    # A boolean's is `False`.
    return parameter.values[0] if isinstance(parameter, kinds.Choice) else False
