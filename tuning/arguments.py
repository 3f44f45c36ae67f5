"""Arguments of oracles and tuners, checked."""

import os

import keras_tuner

from kdl.checks import check_boolean, check_integer, check_optional

_OF_ORACLES = (
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
    "constraints",
)


def oracle_arguments(kwargs):
    """Takes out of the arguments of a tuner those that are its oracle's."""
    return {name: kwargs.pop(name) for name in _OF_ORACLES if name in kwargs}


def check_objective(objective):
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


def check_pruner(pruner, objective):
    """Raises a `ValueError` unless it prunes by an objective, or is `None`."""
    if pruner is not None and not callable(getattr(pruner, "prunes", None)):
        raise ValueError(
            "`pruner` must be a kdl.tuning.MedianStopping, another object with a "
            f"method `prunes`, or None. Received: pruner={pruner!r}"
        )
    if pruner is not None and len(getattr(objective, "objectives", ())) > 1:
        raise ValueError(
            "`pruner` goes by one objective: what is worse in that may be better in "
            "another. With several, it must be None. Received: "
            f"pruner={type(pruner).__name__}"
        )


def check_hyperparameters(hyperparameters):
    """Raises a `ValueError` unless they are KerasTuner's or `None`."""
    if not isinstance(hyperparameters, keras_tuner.HyperParameters | None):
        raise ValueError(
            "`hyperparameters` must be a keras_tuner.HyperParameters or None. "
            f"Received: hyperparameters={hyperparameters!r}"
        )


def check_hypermodel(hypermodel, is_optional):
    """Raises a `ValueError` unless a hypermodel builds a model, or may be left out."""
    if hypermodel is None and is_optional:
        return
    if not callable(getattr(hypermodel, "build", hypermodel)):
        raise ValueError(
            "`hypermodel` must be a keras_tuner.HyperModel or a function of "
            "hyperparameters that returns a compiled model. "
            f"Received: hypermodel={hypermodel!r}"
        )


def check_tuner_arguments(
    directory=None,
    project_name=None,
    overwrite=False,
    executions_per_trial=1,
    max_model_size=None,
    tuner_id=None,
    **others,
):
    """Raises a `ValueError` if an argument of KerasTuner is not as described."""
    for name, value, kinds in (
        ("directory", directory, str | os.PathLike | None),
        ("project_name", project_name, str | None),
        ("tuner_id", tuner_id, str | None),
    ):
        if not isinstance(value, kinds):
            path = " or a path" if name == "directory" else ""
            raise ValueError(
                f"`{name}` must be a string{path}, or None. Received: {name}={value!r}"
            )
    check_boolean("overwrite", overwrite)
    check_integer("executions_per_trial", executions_per_trial, "[1, inf)")
    check_optional(check_integer, "max_model_size", max_model_size, "[1, inf)")
