"""A space of KerasTuner in the terms of Optuna."""

import importlib.util

import numpy as np
from keras_tuner.engine import hyperparameters as kinds

from kdl.tuning.store.initial_space import label
from kdl.tuning.values import is_active, levels_of


def check_installed(who, package="optuna", what="Optuna", extra="optuna"):
    """Raises an `ImportError` that says what to install, unless a package is there."""
    if importlib.util.find_spec(package) is None:
        raise ImportError(f"{who} needs {what}: pip install 'keras-kdl[{extra}]'")


def named(space):
    """Returns hyperparameters by a name that each has for itself.

    KerasTuner knows a hyperparameter by its name and conditions, Optuna by its name:
    what is declared several times has its conditions in its name.

    Args:
        space: List of `HyperParameter`, parents before children.
    """
    names = [parameter.name for parameter in space]
    return {
        parameter.name
        if names.count(parameter.name) == 1
        else label(parameter.get_config()): parameter
        for parameter in space
    }


def distribution(parameter, tried=()):
    """Returns the distribution of Optuna that holds the values of a hyperparameter.

    Args:
        parameter: `HyperParameter`.
        tried: Values that it is to hold besides, such as a default out of range.
    """
    from optuna import distributions

    if not hasattr(parameter, "min_value"):
        return distributions.CategoricalDistribution(levels_of(parameter))
    low = min([parameter.min_value, *tried])
    high = max([parameter.max_value, *tried])
    log = parameter.sampling == "log" and low > 0
    if not isinstance(parameter, kinds.Int):
        # Optuna's steps are other numbers than KerasTuner's in the last digit.
        return distributions.FloatDistribution(low, high, log=log)
    step = parameter.step if parameter.sampling == "linear" else 1
    if any((value - parameter.min_value) % step for value in tried):
        step = 1
    return distributions.IntDistribution(low, high, log=log, step=step)


def active(space, values):
    """Yields name, as `named` has it, hyperparameter and value of active ones."""
    for name, parameter in named(space).items():
        if parameter.name in values and is_active(parameter, values):
            yield name, parameter, values[parameter.name]


def suggest(space, trial):
    """Returns the values, active ones alone, that a trial of Optuna suggests.

    Args:
        space: List of `HyperParameter`, parents before children.
        trial: `optuna.Trial`.
    """
    values = {}
    for name, parameter in named(space).items():
        if is_active(parameter, values):
            drawn = _suggest(trial, name, _drawn(parameter))
            values[parameter.name] = _value(parameter, drawn)
    return values


def suggested(space, values):
    """Returns by name what `suggest` would have drawn, or nearly, for some values.

    Args:
        space: List of `HyperParameter`, parents before children.
        values: Dict of values. What is not in its range becomes the nearest that is.
    """
    return {
        name: _nearest(parameter, value)
        for name, parameter, value in active(space, values)
    }


def _drawn(parameter):
    """What Optuna draws: ranks and places where it has no such order or scale."""
    from optuna import distributions

    if _is_ranked(parameter):
        return distributions.IntDistribution(0, len(levels_of(parameter)) - 1)
    if _is_placed(parameter):
        return distributions.FloatDistribution(0, 1)
    return distribution(parameter)


def _value(parameter, drawn):
    if _is_ranked(parameter):
        return levels_of(parameter)[drawn]
    if _is_placed(parameter):
        return min(parameter.prob_to_value(drawn), parameter.max_value)
    return drawn


def _nearest(parameter, value):
    if _is_ranked(parameter):
        return int(np.abs(np.subtract(levels_of(parameter), value)).argmin())
    if not hasattr(parameter, "min_value"):
        return value
    value = min(max(value, parameter.min_value), parameter.max_value)
    if _is_placed(parameter):
        return parameter.value_to_prob(value)
    if not isinstance(parameter, kinds.Int):
        return value
    low, step = parameter.min_value, parameter.step or 1
    return low + round((value - low) / step) * step


def _is_ranked(parameter):
    if isinstance(parameter, kinds.Choice):
        return parameter.ordered
    if isinstance(parameter, kinds.Int):
        return parameter.step is not None and parameter.sampling != "linear"
    return getattr(parameter, "step", None) is not None


def _is_placed(parameter):
    return getattr(parameter, "sampling", None) == "reverse_log"


def _suggest(trial, name, drawn):
    from optuna import distributions

    if isinstance(drawn, distributions.CategoricalDistribution):
        return trial.suggest_categorical(name, drawn.choices)
    if isinstance(drawn, distributions.IntDistribution):
        suggest_number = trial.suggest_int
    else:
        suggest_number = trial.suggest_float
    return suggest_number(name, drawn.low, drawn.high, step=drawn.step, log=drawn.log)
