"""What a search has left in its folder."""

import dataclasses
import os
from pathlib import Path

from kdl.tuning.store import files
from kdl.tuning.store.html_table import trials_html
from kdl.tuning.store.journal import FILE, Journal, count_epochs, standard_error
from kdl.tuning.store.warn import warn


@dataclasses.dataclass
class TrialRecord:
    """What is known of a trial.

    Attributes:
        number: Integer in `[1, inf)`, as all messages, tables and charts count.
        values: Dict of the active hyperparameters.
        status: `"completed"`, `"pruned"`, `"failed"` or `"running"`. One that was
            killed is `"running"` until the search goes on.
        score: Float. Mean of `scores`, or `None` unless completed or pruned.
        scores: List of floats, one for each execution or fold.
        best_epoch: Integer in `[0, inf)`, or `None`. Epoch of the score, the mean
            over executions.
        curves: List of dicts, one for each execution, of lists of floats: what
            `logs` held, an epoch each.
        error: String. What failed, in a sentence, or empty.
        traceback: String. Where it failed, or empty.
        began: Float, or `None`. Seconds since 1970, of the last attempt.
        seconds: Float. Time that it took, over all attempts, as far as it is known.
        folder: String. Name of its folder in that of the search. KerasTuner counts
            from 0: that of trial 1 is `"trial_0"`.
    """

    number: int
    values: dict
    status: str
    score: float | None = None
    scores: list = dataclasses.field(default_factory=list)
    best_epoch: int | None = None
    curves: list = dataclasses.field(default_factory=list)
    error: str = ""
    traceback: str = ""
    began: float | None = None
    seconds: float = 0.0
    folder: str = ""

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
        objective: String. Name of the metric.
        direction: `"min"` or `"max"`.
        space: List of dicts, one for each hyperparameter: KerasTuner's `class_name`
            and `config`.
        trials: List of `TrialRecord`, by number.
    """

    directory: Path
    objective: str
    direction: str
    space: list
    trials: list

    def __repr__(self):
        count = f"{len(self.trials)} trial{'' if len(self.trials) == 1 else 's'}"
        return f"<SearchRecord of {count} by {self.objective} in {self.directory}>"

    def ranked(self):
        """Trials with a score, the best first."""
        scored = [trial for trial in self.trials if trial.score is not None]
        sign = -1 if self.direction == "max" else 1
        return sorted(scored, key=lambda trial: sign * trial.score)

    def _repr_html_(self):
        """What a notebook shows: the trials, with the values that vary."""
        names = dict.fromkeys(name for trial in self.trials for name in trial.values)
        varied = [
            name
            for name in names
            if len({repr(trial.values.get(name)) for trial in self.trials}) > 1
        ]
        return trials_html(self, self.trials, varied)


def read_search(directory):
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
    objective, direction, *_ = state["objective"]
    journal = Journal(directory / FILE)
    states = files.read_trials(directory, journal, space, known)
    found = [_trial(state, journal, objective) for state in states.values()]
    return SearchRecord(directory, objective, direction, space, found)


def _trial(state, journal, objective):
    trial_id = state["trial_id"]
    entry = journal.entry(trial_id)
    status = _STATUS[state["status"]]
    if status == "completed" and entry.pruned is not None:
        status = "pruned"
    scored = status in ("completed", "pruned")
    error, _, traceback = (state["message"] or "").partition("\n")
    return TrialRecord(
        number=files.number_of(trial_id),
        values=state["hyperparameters"]["values"],
        status=status,
        score=state["score"] if scored else None,
        scores=entry.scores(objective) or [state["score"]] if scored else [],
        best_epoch=state["best_step"] if scored else None,
        curves=entry.curves,
        error=error,
        traceback=traceback.strip(),
        began=entry.began,
        seconds=entry.seconds,
        folder=f"trial_{trial_id}",
    )


# One to be tried again is not at its end.
_STATUS = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "INVALID": "running",
    "RUNNING": "running",
}
