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


def by_name(name, value):
    """Returns an argument by strings, and what those stand for that are no patterns.

    Args:
        name: String. Name of the argument.
        value: Dict, list of pairs, or `None`. Keys are patterns, layers or variables,
            which are not to be had as keys of a dict.

    Returns:
        Tuple of a dict by pattern, or by the name of a layer or the path of a
        variable, and of a dict of these layers and variables by the same strings.
    """
    if value is None or isinstance(value, dict):
        pairs = list((value or {}).items())
    elif isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in value
    ):
        pairs = value
    else:
        raise ValueError(
            f"`{name}` must be a dict, a list of pairs, or None. "
            f"Received: {name}={value!r}"
        )
    values, targets = {}, {}
    for key, part in pairs:
        label = key
        if isinstance(key, (keras.layers.Layer, keras.Variable)):
            is_layer = isinstance(key, keras.layers.Layer)
            label = first = key.name if is_layer else key.path
            # Layers of nested models may have one name.
            count = 0
            while label in values:
                count += 1
                label = f"{first}_{count}"
            targets[label] = key
        values[_check_pattern(name, label)] = part
    return values, targets


def check_multipliers(multipliers):
    """Returns multipliers by name, as floats and schedules."""
    return {
        key: _check_number(f"multipliers[{key!r}]", multiplier, "[0, inf)")
        for key, multiplier in multipliers.items()
    }


def check_proximal(proximal, inner_optimizer):
    """Returns regularizers by name, provided the optimizer has step sizes."""
    if proximal and not has_step_sizes(inner_optimizer):
        raise ValueError(
            "`proximal` must go with the SGD, Adam, AdamW, RMSprop or Adagrad of "
            "Keras, whose step sizes are known. Received: "
            f"inner_optimizer={inner_optimizer!r}"
        )
    for key, regularizer in proximal.items():
        if not (
            isinstance(regularizer, ElasticNet)
            and isinstance(regularizer.alpha, float)
            and isinstance(regularizer.l1_ratio, float)
        ):
            raise ValueError(
                f"`proximal[{key!r}]` must be a kdl.regularizers.ElasticNet of "
                f"numbers. Received: proximal[{key!r}]={regularizer!r}"
            )
    return proximal


def check_hyperparameters(hyperparameters, inner_optimizer):
    """Returns hyperparameters by name, provided the optimizer would use them."""
    if hyperparameters is not None and not isinstance(hyperparameters, dict):
        raise ValueError(
            "`hyperparameters` must be a dict or None. "
            f"Received: hyperparameters={hyperparameters!r}"
        )
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
    saved = saved or []
    if len(saved) == len(paths) and all(map(_is_same_path, saved, paths)):
        return list(saved)
    return paths


def matches(pattern, path):
    """Whether a regular expression matches a path, or all of it after a `/`."""
    return re.fullmatch(f"(?:.*/)?(?:{pattern})", path) is not None


def places_of(name, keys, targets, variables, paths):
    """Returns the places of the variables that each key stands for.

    Args:
        name: String. Name of the argument that the keys are of.
        keys: Patterns, and names that are among the targets.
        targets: Dict by name: a layer, a variable, or, of an optimizer that is loaded,
            a list of places or of paths.
        variables: List of `keras.Variable`s.
        paths: List of their paths.

    Returns:
        Dict of lists of integers.

    Raises:
        ValueError: If a key stands for none.
    """
    places = {}
    for key in keys:
        found = _finder(key, targets.get(key), variables, paths)
        places[key] = [place for place in range(len(variables)) if found(place)]
        if not places[key]:
            raise ValueError(
                f"`{name}` must have layers, variables, or patterns that match the "
                f"path of a variable or its end, which are {', '.join(paths)}. "
                f"Received: {key!r}"
            )
    return places


def first_keys(places, variables):
    """Returns the first key that each variable is among, by its id."""
    first = {}
    for key, own in places.items():
        for place in own:
            first.setdefault(id(variables[place]), key)
    return first


def _finder(key, target, variables, paths):
    """Function that tells whether a key stands for the variable at a place."""
    if target is None:
        return lambda place: matches(key, paths[place])
    if isinstance(target, list):
        return lambda place: place in target or paths[place] in target
    owned = [target] if isinstance(target, keras.Variable) else target.variables
    ids = set(map(id, owned))
    return lambda place: id(variables[place]) in ids


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
