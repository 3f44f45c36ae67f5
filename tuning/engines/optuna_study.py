"""A search as a study of Optuna."""

import copy
import datetime
import math

import keras_tuner

from kdl.tuning.engines.optuna_space import active, check_installed, distribution, named
from kdl.tuning.store.records import SearchRecord
from kdl.typing import BaseStorage, Study


def to_optuna(
    record: SearchRecord,
    storage: str | BaseStorage | None = None,
    study_name: str | None = None,
) -> Study:
    """Returns a study of Optuna with the trials of a search.

    Optuna's plots, importances and dashboard then open on it. A trial is complete,
    pruned, failed or running in Optuna's terms; its intermediate values are the
    objective by epoch of its first execution, if there is one objective; its attributes
    are `scores`, `best_epoch`, `epochs`, `error`, `traceback`, `metrics` and
    `infeasible`, as far as there are such. One that has broken a constraint is complete
    if it was trained, and else failed.

    A hyperparameter that is declared several times, under different conditions, has
    them in its name. Its distribution has steps if it is an integer with equal ones; an
    ordered choice is categorical.

    Args:
        record: `SearchRecord`, as `kdl.tuning.read_search` returns it.
        storage: Optional string or `optuna.storages.BaseStorage`, such as
            `"sqlite:///studies.db"`. Defaults to `None`, memory.
        study_name: Optional string. Defaults to the name of the search's folder.

    Returns:
        `optuna.Study`.

    Raises:
        ImportError: If Optuna is not installed.
        ValueError: If the storage has a study of that name.

    Example:

    >>> tuner = kdl.tuning.RandomSearch(
    ...     kdl.recipes.Images(), "val_loss", max_trials=1, directory=folder
    ... )
    >>> tuner.search(x, y, validation_data=validation, epochs=1, verbose=0)
    >>> study = kdl.tuning.to_optuna(kdl.tuning.read_search(tuner.project_dir))
    """
    check_installed("to_optuna")
    import optuna

    if not isinstance(record, SearchRecord):
        raise ValueError(
            "`record` must be what kdl.tuning.read_search returns. "
            f"Received: record={record!r}"
        )
    study_name = study_name or record.directory.name
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=study_name,
            directions=[f"{part.direction}imize" for part in record.goal.objectives],
        )
    except optuna.exceptions.DuplicatedStudyError:
        raise ValueError(
            f"The storage has a study {study_name!r} already. Choose another "
            "`study_name`, or delete that one with optuna.delete_study."
        ) from None
    study.set_user_attr("objective", record.objective)
    space = _space(record)
    params = [
        {name: value for name, _, value in active(space, trial.values)}
        for trial in record.trials
    ]
    distributions = {
        name: distribution(parameter, [some[name] for some in params if name in some])
        for name, parameter in named(space).items()
    }
    study.add_trials(
        [
            _trial(trial, record.goal, some, distributions)
            for trial, some in zip(record.trials, params, strict=True)
        ]
    )
    return study


def _space(record):
    # KerasTuner puts objects into what it gets.
    config = {"space": copy.deepcopy(record.space), "values": {}}
    return keras_tuner.HyperParameters.from_config(config).space


def _trial(trial, goal, params, distributions):
    import optuna

    is_one = len(goal.objectives) == 1
    curve = trial.curves[0].get(goal.name, []) if trial.curves and is_one else []
    values = None
    if trial.score is not None:
        metrics = {goal.name: trial.score} | trial.metrics
        values = [metrics[part.name] for part in goal.objectives]
    attributes = {
        "scores": trial.scores,
        "best_epoch": trial.best_epoch,
        "epochs": trial.epochs,
        "error": trial.error,
        "traceback": trial.traceback,
        "metrics": {} if goal.is_plain else trial.metrics,
        "infeasible": trial.status == "infeasible" or None,
    }
    state = _STATES[trial.status]
    if trial.status == "infeasible" and values is None:
        state = "FAIL"
    found = optuna.trial.create_trial(
        state=optuna.trial.TrialState[state],
        values=values,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs={
            name: value
            for name, value in attributes.items()
            if value not in (None, "", [], {})
        },
        intermediate_values={
            epoch: value for epoch, value in enumerate(curve) if not math.isnan(value)
        },
    )
    if trial.began is not None:
        found.datetime_start = datetime.datetime.fromtimestamp(trial.began)
        if found.state.is_finished():
            lasted = datetime.timedelta(seconds=trial.seconds)
            found.datetime_complete = found.datetime_start + lasted
    return found


_STATES = {
    "completed": "COMPLETE",
    "pruned": "PRUNED",
    "failed": "FAIL",
    "infeasible": "COMPLETE",
    "running": "RUNNING",
}
