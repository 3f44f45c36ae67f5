"""An oracle that says what to try, and when a trial or the search ends."""

import contextlib
import itertools
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_tuner.engine import trial as trials

from kdl import private
from kdl.checks import check_boolean, check_integer, check_number, check_optional
from kdl.seeds import ORACLE, integer
from kdl.tuning.apart import first_apart
from kdl.tuning.arguments import check_hyperparameters, check_objective, check_pruner
from kdl.tuning.encoding import Encoding
from kdl.tuning.goals.constraints import unmet
from kdl.tuning.goals.front import order
from kdl.tuning.goals.goal import goal_of, make_goal
from kdl.tuning.goals.metrics import metrics_of
from kdl.tuning.report import unpacked
from kdl.tuning.stopwatch import Stopwatch
from kdl.tuning.store import files
from kdl.tuning.store.stored_oracle import StoredOracle
from kdl.tuning.trial.pruned import is_pruned
from kdl.tuning.values import check_values, completed, states_a_default
from kdl.typing import HyperParameters, Objectives


class DurableOracle(StoredOracle):
    """An oracle whose search survives being killed, failing trials and bad scores.

    What to try is a function of the seed and of the trials before, so that a search
    that was interrupted goes on as if it had not been. A subclass says it, in
    `suggestions`. No values are tried twice, and when there are no others, the search
    ends. A trial whose score is not finite has failed: KerasTuner takes an infinite
    loss for a good one. `StoredOracle` says what is kept, and how.

    A list of objectives is not added up, as in KerasTuner: trials are better or worse
    by whether one dominates the other. What breaks a constraint is no candidate for the
    best. To KerasTuner, the score of a trial is that of the leading objective, as
    `Goal` has it.

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
        constraints: Optional list of strings, such as `"params<=100000"`.

    Attributes:
        goal: `Goal`. The objectives and constraints.
        keeps_apart: Boolean. Whether suggestions close to a trial that still runs are
            passed over while there are others.
    """

    keeps_apart = True

    def __init__(
        self,
        objective: Objectives | None = None,
        max_trials: int | None = None,
        seed: int | None = None,
        max_total_epochs: int | None = None,
        max_seconds: float | None = None,
        pruner: Any = None,
        defaults_first: bool = True,
        max_consecutive_failed_trials: int | None = None,
        max_retries_per_trial: int = 0,
        hyperparameters: HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        constraints: Sequence[str] | None = None,
    ) -> None:
        check_objective(objective)
        objective = make_goal(objective, constraints)
        max_trials = check_optional(check_integer, "max_trials", max_trials, "[1, inf)")
        seed = check_optional(check_integer, "seed", seed, "[0, inf)")
        max_total_epochs = check_optional(
            check_integer, "max_total_epochs", max_total_epochs, "[1, inf)"
        )
        max_seconds = check_optional(
            check_number, "max_seconds", max_seconds, "(0, inf)"
        )
        check_boolean("defaults_first", defaults_first)
        check_boolean("tune_new_entries", tune_new_entries)
        check_boolean("allow_new_entries", allow_new_entries)
        if max_consecutive_failed_trials is None:
            max_consecutive_failed_trials = sys.maxsize
        check_pruner(pruner, objective)
        check_hyperparameters(hyperparameters)
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            # Without one, from the system: `random`, which KerasTuner asks, is seeded
            # anew by each trial.
            seed=integer(seed, ORACLE),
            max_consecutive_failed_trials=check_integer(
                "max_consecutive_failed_trials",
                max_consecutive_failed_trials,
                "[1, inf)",
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
        self.goal = goal_of(self.objective)
        self._enqueued, self._stopwatch = [], Stopwatch()
        # What ends the search once all is saved.
        self._failures = None

    def suggestions(self, encoding: Encoding, number: int) -> Iterator[dict[str, Any]]:
        """Yields what to try, the best first; called once for each trial.

        Args:
            encoding: `Encoding` of the space as it is known.
            number: Integer. Of the trial, from 0.

        Yields:
            Dicts of values, which may have been tried.
        """
        raise NotImplementedError

    @property
    def epochs(self) -> int:
        """Integer. Epochs of all trials so far."""
        return sum(entry.epochs for entry in self.journal.entries.values())

    @property
    def seconds(self) -> float:
        """Float. Time that the search has taken."""
        return self._stopwatch.seconds

    @property
    def is_spent(self) -> bool:
        """Boolean. Whether the budget of epochs or of time is."""
        return (
            self.max_total_epochs is not None and self.epochs >= self.max_total_epochs
        ) or (self.max_seconds is not None and self.seconds >= self.max_seconds)

    def enqueue(self, values: Sequence[dict[str, Any]]) -> None:
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
        space = self.hyperparameters.space
        values = [check_values(space, some) for some in values]
        with self.held():
            # A script that runs again says it again.
            self._enqueued += [some for some in values if some not in self._enqueued]
            self.save()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if not self.is_spent:
            encoding = Encoding(self.hyperparameters.space)
            values = self._choose(encoding, int(trial_id))
            if values is not None:
                return {"status": trials.TrialStatus.RUNNING, "values": values}
        return {"status": trials.TrialStatus.STOPPED, "values": None}

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        is_outermost = not self._folder.is_held
        with super().held():
            try:
                yield
            finally:
                if is_outermost:
                    # Until the next search, no time counts.
                    self._stopwatch.stop()

    def create_trial(self, tuner_id: str) -> trials.Trial:
        self._stopwatch.start()
        return super().create_trial(tuner_id)

    def stops(self, trial_id: str, execution: int) -> bool:
        return self.is_spent or self._is_pruned(trial_id, execution)

    def end_trial(self, trial: trials.Trial) -> None:
        with self._lock:
            super().end_trial(trial)
            error, self._failures = self._failures, None
            if error is not None:
                raise error

    def update_trial(
        self, trial_id: str, metrics: Mapping[str, float], step: int = 0
    ) -> trials.Trial:
        _, execution, _ = unpacked(metrics)
        # Else it is an epoch, or less.
        if execution is None and not self.goal.is_plain:
            self.goal.check_reported(metrics)
        return super().update_trial(trial_id, metrics, step)

    def metrics_of(self, trial: trials.Trial) -> dict[str, float]:
        """Returns what a trial that ended has reported, a dict of floats by name.

        Those are the objectives and the metrics of constraints, as far as known.
        """
        entry = self.journal.entry(trial.trial_id)
        config = trial.metrics.get_config()
        return metrics_of(self.goal, entry, config, trial.score)

    def is_failure(self, trial: trials.Trial) -> bool:
        """Whether a trial that ended has failed, rather than broken a constraint."""
        is_failed = trial.status == trials.TrialStatus.FAILED
        return is_failed and not self.is_infeasible(trial)

    def is_infeasible(self, trial: trials.Trial) -> bool:
        """Whether a trial that ended has broken a constraint."""
        if trial.status == trials.TrialStatus.FAILED:
            return self.journal.entry(trial.trial_id).infeasible is not None
        return not self.goal.is_met(self.metrics_of(trial))

    def get_best_trials(self, num_trials: int = 1) -> list[trials.Trial]:
        """Returns the best trials that met the constraints, the best first.

        Of several objectives, those on the front come first, ordered by the leading
        one, then those that only these dominate, and so on. Where there are fewer,
        those without a score follow.
        """
        if self.goal.is_plain:
            return super().get_best_trials(num_trials)
        scored, others = [], []
        for trial in self.trials.values():
            if trial.status not in files.ENDED or not self.is_infeasible(trial):
                is_scored = trial.status == trials.TrialStatus.COMPLETED
                (scored if is_scored else others).append(trial)
        losses = [self.goal.losses(self.metrics_of(trial)) for trial in scored]
        ranked = [scored[n] for n in order(losses, self.goal.leading)] if scored else []
        return (ranked + others if len(ranked) < num_trials else ranked)[:num_trials]

    def unmet(self) -> str | None:
        """Returns why no trial meets the constraints, in a sentence, or `None`."""
        known = [
            self.journal.entry(trial.trial_id).infeasible or self.metrics_of(trial)
            for trial in self.trials.values()
            if trial.status == trials.TrialStatus.COMPLETED
            or (trial.status == trials.TrialStatus.FAILED and self.is_infeasible(trial))
        ]
        return unmet(self.goal.constraints, known) if known else None

    def score_trial(self, trial: trials.Trial) -> None:
        super().score_trial(trial)
        entry = self.journal.entry(trial.trial_id)
        if entry.best_epochs:
            epochs = list(entry.best_epochs.values())
            trial.best_step = round(sum(epochs) / len(epochs))
        for name, value in self.metrics_of(trial).items():
            if not math.isfinite(value):
                trial.message = f"{name} was {value}"
                trial.score = math.nan  # Which KerasTuner takes for a failure.
                break

    def get_state(self) -> dict[str, Any]:
        own = {"enqueued": self._enqueued, "seconds": self.seconds}
        return {**super().get_state(), **own}

    def set_state(self, state: Mapping[str, Any]) -> None:
        super().set_state(state)
        self._enqueued, self._stopwatch.seconds = state["enqueued"], state["seconds"]

    def _choose(self, encoding, number):
        """Values that were not tried, or `None` if there are no others."""
        values = next(self._untried(self._wishes()), None)
        if values is not None:
            return values
        running = [
            trial.hyperparameters.values
            for trial in self.trials.values()
            if self.keeps_apart and trial.status not in files.ENDED
        ]
        suggestions = self._untried(self.suggestions(encoding, number))
        return first_apart(suggestions, encoding, running)

    def _untried(self, proposals):
        for values in proposals:
            if not private.is_duplicate(self, values):
                yield values

    def _wishes(self):
        """Values that are not the search's own."""
        space = self.hyperparameters.space
        for values in self._enqueued:
            with contextlib.suppress(ValueError):  # Of a file that was damaged.
                yield completed(space, check_values(space, values))
        if self.defaults_first and states_a_default(space):
            yield completed(space, {})

    def _is_pruned(self, trial_id, execution):
        # Of several executions, the first one decides.
        if self.pruner is None or execution:
            return False
        curves = {
            int(other): self.journal.entry(other).losses(self.objective)
            for other, trial in self.trials.items()
            if trial.status != trials.TrialStatus.FAILED
        }
        return is_pruned(self.pruner, int(trial_id), curves)

    def _retry(self, trial):
        again = super()._retry(trial)
        if again:
            # Else the score of this time would be that of the next.
            trial.metrics = type(trial.metrics)()
        return again

    def _check_consecutive_failures(self):
        # Those since the last success alone: what has made others fail may be mended.
        # That a constraint is broken is no failure, and says nothing of them.
        ended = (
            trial_id
            for trial_id in reversed(self.end_order)
            if self.journal.entry(trial_id).infeasible is None
        )
        failed = itertools.takewhile(
            lambda trial_id: self.trials[trial_id].status == trials.TrialStatus.FAILED,
            ended,
        )
        if len(list(failed)) >= self.max_consecutive_failed_trials:
            message = self.trials[self.end_order[-1]].message or ""
            # Raised when all is saved and no lock is held.
            self._failures = RuntimeError(
                "Number of consecutive failures exceeded the limit of "
                f"{self.max_consecutive_failed_trials}.\n{message}"
            )
