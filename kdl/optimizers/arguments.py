"""Arguments of an optimizer around another one."""

import re

import keras

from kdl.checks import check_number_or_schedule
from kdl.optimizers.proximal import has_step_sizes
from kdl.regularizers import ElasticNet
from kdl.schedules.number import check_values

# Of hyperparameters that may follow a schedule.
INTERVALS = {
    "beta_1": "[0, 1)",
    "beta_2": "[0, 1)",
    "momentum": "[0, 1)",
    "weight_decay": "[0, inf)",
}


def check_inner_optimizer(inner_optimizer):
    """Returns an optimizer, provided that its `apply` is the one that Keras wrote."""
    optimizer = keras.optimizers.Optimizer
    if (
        not isinstance(inner_optimizer, optimizer)
        or type(inner_optimizer).apply is not optimizer.apply
    ):
        raise ValueError(
            "`inner_optimizer` must be a keras.optimizers.Optimizer with the `apply` "
            "that Keras gave it: a LossScaleOptimizer goes around a "
            "ControlledOptimizer, and a MultiOptimizer takes one for each of its "
            f"parts. Received: inner_optimizer={inner_optimizer!r}"
        )
    rate = inner_optimizer.get_config()["learning_rate"]
    if isinstance(rate, dict) and rate["class_name"] == "Adjustable":
        raise ValueError(
            "`inner_optimizer` must have a learning rate that is a number, or a "
            "schedule other than Adjustable: a ControlledOptimizer makes each of them "
            "adjustable. Received: learning_rate=Adjustable"
        )
    return inner_optimizer


def check_multipliers(multipliers):
    """Returns multipliers by pattern, as floats and schedules."""
    _check_dict("multipliers", multipliers)
    return {
        _check_pattern("multipliers", pattern): _check_number(
            f"multipliers[{pattern!r}]", multiplier, "[0, inf)"
        )
        for pattern, multiplier in (multipliers or {}).items()
    }


def check_proximal(proximal, inner_optimizer):
    """Returns regularizers by pattern, provided the optimizer has step sizes."""
    _check_dict("proximal", proximal)
    if proximal and not has_step_sizes(inner_optimizer):
        raise ValueError(
            "`proximal` must go with the SGD, Adam, AdamW, RMSprop or Adagrad of "
            "Keras, whose step sizes are known. Received: "
            f"inner_optimizer={inner_optimizer!r}"
        )
    for pattern, regularizer in (proximal or {}).items():
        _check_pattern("proximal", pattern)
        if not (
            isinstance(regularizer, ElasticNet)
            and isinstance(regularizer.alpha, float)
            and isinstance(regularizer.l1_ratio, float)
        ):
            raise ValueError(
                f"`proximal[{pattern!r}]` must be a kdl.regularizers.ElasticNet of "
                f"numbers. Received: proximal[{pattern!r}]={regularizer!r}"
            )
    return dict(proximal or {})


def check_hyperparameters(hyperparameters, inner_optimizer):
    """Returns hyperparameters by name, provided the optimizer would use them."""
    _check_dict("hyperparameters", hyperparameters)
    # Others Keras reads in Python alone. One that is 0 has no place in its state.
    allowed = []
    step, optimizers = type(inner_optimizer).update_step, keras.optimizers
    if step is optimizers.Adam.update_step:
        allowed += ["beta_1", "beta_2"]
    moving = step in (optimizers.SGD.update_step, optimizers.RMSprop.update_step)
    if moving and inner_optimizer.momentum:
        allowed.append("momentum")
    if inner_optimizer.weight_decay is not None:
        allowed.append("weight_decay")
    for name in hyperparameters or {}:
        if name not in allowed:
            raise ValueError(
                "`hyperparameters` must be among those that the inner optimizer can "
                f"take from a schedule: {', '.join(allowed) or 'none'}. "
                f"Received: {name!r}"
            )
    return {
        name: _check_number(f"hyperparameters[{name!r}]", value, INTERVALS[name])
        for name, value in (hyperparameters or {}).items()
    }


def paths_of(variables, saved):
    """Returns the paths of variables, as they were when the optimizer was saved.

    Keras puts the name of a `Sequential` model before the paths of a model that was
    made, but not of one that was loaded.

    Args:
        variables: List of `keras.Variable`s.
        saved: List of paths, or `None`. If they are not those of the variables but for
            the name of a model, they are of another model and do not count.
    """
    paths = [variable.path for variable in variables]
    if len(saved or ()) == len(paths) and all(map(_is_same_path, saved, paths)):
        return list(saved)
    return paths


def first_matches(name, patterns, variables, paths):
    """Returns the first of the patterns that matches each variable, by its id.

    Raises:
        ValueError: If a pattern matches none.
    """
    for pattern in patterns:
        if not any(re.fullmatch(pattern, path) for path in paths):
            raise ValueError(
                f"`{name}` must have patterns that match the path of a variable, "
                f"which are {', '.join(paths)}. Received: {pattern!r}"
            )
    matches = {}
    for variable, path in zip(variables, paths, strict=True):
        for pattern in patterns:
            if re.fullmatch(pattern, path):
                matches[id(variable)] = pattern
                break
    return matches


def _check_dict(name, value):
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"`{name}` must be a dict or None. Received: {name}={value!r}")


def _check_number(name, value, interval):
    value = check_number_or_schedule(name, value, interval)
    if not isinstance(value, float):
        check_values(name, value, interval)
    return value


def _is_same_path(a, b):
    return f"/{a}".endswith(f"/{b}") or f"/{b}".endswith(f"/{a}")


def _check_pattern(name, pattern):
    try:
        re.compile(pattern)
    except (TypeError, re.error):
        raise ValueError(
            f"`{name}` must have regular expressions as keys. Received: {pattern!r}"
        ) from None
    return pattern
