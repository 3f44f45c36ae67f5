"""The space that a search began with, by which a search is told from another."""

import json


def described(hyperparameters):
    """Returns configurations by name and conditions, as they come back from a file.

    Args:
        hyperparameters: `keras_tuner.HyperParameters`.
    """
    space = json.loads(json.dumps(hyperparameters.get_config()["space"]))
    return {label(parameter["config"]): parameter for parameter in space}


def label(config):
    """Returns a name for a hyperparameter of this config, with its conditions."""
    scopes = [condition["config"] for condition in config["conditions"]]
    return config["name"] + "".join(
        f" ({scope['name']} in {scope['values']})" for scope in scopes
    )


def of_trials(trials, initial):
    """Returns the initial space as far as trials know it, in whose spaces it is.

    Args:
        trials: Iterable of `Trial`.
        initial: Dict. The space as `described` has it, which is returned if there are
            no trials.
    """
    found = {}
    for trial in trials:
        found |= described(trial.hyperparameters)
    if not found:
        return initial
    return {name: found[name] for name in initial if name in found}


def check_same(before, now, folder):
    """Raises a `ValueError` if a search in a folder has another space."""
    names = {name for name in {*now, *before} if now.get(name) != before.get(name)}
    if names:
        raise ValueError(
            f"The search in {folder} has another space: it differs in "
            f"{', '.join(sorted(names))}. Choose another directory."
        )
