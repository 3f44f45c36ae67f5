"""What a search has left in its folder."""

import dataclasses
import math
import os
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np

from kdl.tuning.goals.constraints import parse
from kdl.tuning.goals.front import knee, layers, order
from kdl.tuning.goals.goal import Goal
from kdl.tuning.goals.metrics import metrics_of
from kdl.tuning.store import files
from kdl.tuning.store.html_table import trials_html
from kdl.tuning.store.journal import FILE, Journal, count_epochs, standard_error
from kdl.tuning.store.warn import warn
from kdl.typing import StrPath


@dataclasses.dataclass
class TrialRecord:
    """What is known of a trial.

    Attributes:
        number: Integer in `[1, inf)`, as all messages, tables and charts count.
        values: Dict of the active hyperparameters.
        status: `"completed"`, `"pruned"`, `"failed"`, `"infeasible"` or `"running"`.
            One that was killed is `"running"` until the search goes on. One that is
            infeasible has broken a constraint; it was not trained if that was known
            before.
        score: Float. Mean of `scores`, or `None` if it has failed or was not trained.
            With several objectives it is that of the leading one.
        scores: List of floats, one for each execution or fold.
        best_epoch: Integer in `[0, inf)`, or `None`. Epoch of the score, the mean
            over executions.
        curves: List of dicts, one for each execution, of lists of floats: what
            `logs` held, an epoch each.
        error: String. What failed, in a sentence, or empty.
        traceback: String. Where it failed, or empty.
        began: Float, or `None`. Seconds since 1970, of the last attempt.
        seconds: Float. Time that it took, over all attempts, as far as it is known.
        metrics: Dict of floats by name: each objective, and each metric that a
            constraint names, as far as they are known. Means over executions.
        folder: String. Name of its folder in that of the search. KerasTuner counts
            from 0: that of trial 1 is `"trial_0"`.
    """

    number: int
    values: dict[str, Any]
    status: str
    score: float | None = None
    scores: list[float] = dataclasses.field(default_factory=list)
    best_epoch: int | None = None
    curves: list[dict[str, list[float]]] = dataclasses.field(default_factory=list)
    error: str = ""
    traceback: str = ""
    began: float | None = None
    seconds: float = 0.0
    folder: str = ""
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def epochs(self):
        """Integer. Number of epochs that were trained."""
        return count_epochs(self.curves)

    @property
    def standard_error(self):
        """Float. Of the score, from its spread over executions; `None` for one."""
        return standard_error(self.scores)


@dataclasses.dataclass
class SearchRecord:
    """What is known of a search.

    Attributes:
        directory: `Path` of the folder with the trials.
        objective: String. Name of the metric; of several, the leading one: the first
            that training changes, other than `params`, `flops` and `latency_ms`.
        direction: `"min"` or `"max"`, of that one.
        space: List of dicts, one for each hyperparameter: KerasTuner's `class_name`
            and `config`.
        trials: List of `TrialRecord`, by number.
        goal: `kdl.tuning.goals.goal.Goal`. All objectives, which are its `objectives`,
            and `constraints`. Defaults to that of the one objective.
    """

    directory: Path
    objective: str
    direction: str
    space: list[dict[str, Any]]
    trials: list[TrialRecord]
    goal: Goal | None = None

    def __post_init__(self):
        if self.goal is None:
            self.goal = Goal([keras_tuner.Objective(self.objective, self.direction)])

    def __repr__(self):
        count = f"{len(self.trials)} trial{'' if len(self.trials) == 1 else 's'}"
        return f"<SearchRecord of {count} by {self.objective} in {self.directory}>"

    def ranked(self):
        """Trials with a score that meet the constraints, the best first.

        Of several objectives, those on the front come first, ordered by the leading
        one, then those that only these dominate, and so on.
        """
        scored, losses = self._candidates()
        found = order(losses, self.goal.leading) if scored else []
        return [scored[n] for n in found]

    def front(self):
        """Trials that no other dominates, of those that meet the constraints.

        One dominates another if it is nowhere worse and somewhere better. They are
        ordered by the leading objective, the best first.
        """
        scored, losses = self._candidates()
        count = (layers(losses) == 0).sum() if scored else 0
        return self.ranked()[:count]

    def pick(self, how=None):
        """Returns one of the trials on the front.

        Args:
            how: `None`, the best by the leading objective; `"knee"`, the one with the
                least sum of objectives, each scaled from 0, its best on the front, to
                1, its worst; or a string such as `"params<=50000"`, the best by the
                leading objective of those on the front that meet it. Defaults to
                `None`.

        Returns:
            `TrialRecord`, or `None` if the front is empty.

        Raises:
            ValueError: If `how` is anything else, or if none on the front meets it.
        """
        front = self.front()
        if how == "knee":
            losses = [self._losses(trial) for trial in front]
            return front[knee(losses)] if front else None
        if how is None:
            return next(iter(front), None)
        condition = self._condition(how)
        for trial in front:
            if condition.is_met(trial.metrics.get(condition.name, math.nan)):
                return trial
        if not front:
            return None
        values = [trial.metrics[condition.name] for trial in front]
        low, high = f"{min(values):.12g}", f"{max(values):.12g}"
        raise ValueError(
            f"No trial on the front meets {condition}: there, {condition.name} is from "
            f"{low} to {high}."
        )

    def _condition(self, how):
        try:
            condition = parse("`pick`", how)
        except ValueError:
            condition = None
        if condition is None or condition.name not in self.goal.names:
            raise ValueError(
                "`pick` must be 'knee', or a bound on one of "
                f"{', '.join(self.goal.names)}, as in "
                f"'{self.goal.names[-1]}<=1'. Received: {how!r}"
            )
        return condition

    def _candidates(self):
        """Trials that may be the best, and their losses."""
        found = [
            (trial, self._losses(trial))
            for trial in self.trials
            if trial.score is not None and trial.status != "infeasible"
        ]
        # Without what damage has taken.
        found = [pair for pair in found if np.isfinite(pair[1]).all()]
        return [trial for trial, _ in found], [losses for _, losses in found]

    def _losses(self, trial):
        return self.goal.losses({self.objective: trial.score} | trial.metrics)

    def _repr_html_(self):
        """What a notebook shows: the trials, with the values that vary."""
        names = dict.fromkeys(name for trial in self.trials for name in trial.values)
        varied = [
            name
            for name in names
            if len({repr(trial.values.get(name)) for trial in self.trials}) > 1
        ]
        return trials_html(self, self.trials, varied)


def read_search(directory: StrPath) -> SearchRecord:
    """Reads what a search of `kdl.tuning` has left, also while it runs.

    Args:
        directory: String or `Path` of the folder of the project: `directory` and
            `project_name` of the tuner.

    Returns:
        `SearchRecord`.

    Raises:
        ValueError: If the folder holds no search of `kdl.tuning`, or one whose files
            are damaged so that its objective is not known.

    Example:

    >>> def build(hp):
    ...     outputs = keras.layers.Dense(10, "softmax")
    ...     model = keras.Sequential([keras.layers.Flatten(), outputs])
    ...     adam = keras.optimizers.Adam(hp.Float("rate", 1e-3, 1e-1))
    ...     model.compile(adam, "sparse_categorical_crossentropy")
    ...     return model
    >>> tuner = kdl.tuning.RandomSearch(build, "val_loss", 2, directory=folder)
    >>> tuner.search(x, y, validation_data=validation, verbose=0)
    >>> best, *_ = kdl.tuning.read_search(tuner.project_dir).ranked()
    """
    if not isinstance(directory, str | os.PathLike):
        raise ValueError(
            f"`directory` must be a string or a path. Received: directory={directory!r}"
        )
    directory = Path(directory)
    try:
        state = files.read_oracle(directory)
        space = state["hyperparameters"]["space"]
        known = {*map(int, state["start_order"]), *map(int, state["end_order"])}
    except files.DamagedFileError as error:
        state, known = files.read_spare(directory), ()
        if not state and not (directory / files.ORACLE).exists():
            raise ValueError(
                f"{directory} holds no search. Give the folder with the file "
                f"{files.ORACLE}."
            ) from None
        if not state and isinstance(error, files.ForeignFileError):
            raise ValueError(
                f"{directory} holds a search of another tuner than kdl's."
            ) from None
        if not state:
            raise
        warn(f"{error}; what the other files know takes its place.")
        space = list(state["space"].values())
    objective, direction, *config = state["objective"]
    goal = (
        Goal.from_config(*config)
        if config
        else Goal([keras_tuner.Objective(objective, direction)])
    )
    journal = Journal(directory / FILE)
    states = files.read_trials(directory, journal, space, known)
    found = [_trial(state, journal, goal) for state in states.values()]
    return SearchRecord(directory, objective, direction, space, found, goal)


def _trial(state, journal, goal):
    trial_id = state["trial_id"]
    entry = journal.entry(trial_id)
    status = _STATUS[state["status"]]
    if status == "completed" and entry.pruned is not None:
        status = "pruned"
    scored, metrics = status in ("completed", "pruned"), {}
    if scored or (status == "failed" and entry.infeasible is not None):
        score = state["score"] if scored else None
        metrics = metrics_of(goal, entry, state["metrics"], score)
        if not (scored and goal.is_met(metrics)):
            # Not a failure: its message says what it has broken.
            status = "infeasible"
    message = "" if status == "infeasible" else state["message"] or ""
    error, _, traceback = message.partition("\n")
    return TrialRecord(
        number=files.number_of(trial_id),
        values=state["hyperparameters"]["values"],
        status=status,
        score=state["score"] if scored else None,
        scores=entry.scores(goal.name) or [state["score"]] if scored else [],
        best_epoch=state["best_step"] if scored else None,
        curves=entry.curves,
        error=error,
        traceback=traceback.strip(),
        began=entry.began,
        seconds=entry.seconds,
        folder=f"trial_{trial_id}",
        metrics=metrics,
    )


# One to be tried again is not at its end.
_STATUS = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "INVALID": "running",
    "RUNNING": "running",
}
