"""What a trial has reported of objectives and constraints."""

import numpy as np

from kdl.tuning.goals.costs import COUNTS


def metrics_of(goal, entry, config, score=None):
    """Returns the metrics that a goal names, as far as known, a dict of floats.

    They are means over executions. Of a trial that was not trained, since it broke a
    constraint before, they are those by which this was known.

    Args:
        goal: `Goal`.
        entry: `kdl.tuning.store.journal.Entry` of the trial.
        config: Dict. What KerasTuner has kept of the metrics of the trial, as a file
            holds it. It counts where no tuner of kdl has run the trial.
        score: Optional float. Of the leading objective, if it is known already.
    """
    if entry.infeasible is not None:
        known = entry.infeasible.items()
        return {name: _plain(name, v) for name, v in known if name in goal.names}
    found = {}
    for name in goal.names:
        values = entry.scores(name)
        if name == goal.name and score is not None:
            found[name] = score
        elif values:
            found[name] = float(np.mean(values))
        elif observations := config["metrics"].get(name, {}).get("observations"):
            # There is one step, unless somebody else reports several.
            found[name] = float(np.mean(observations[-1]["value"]))
    return {name: _plain(name, value) for name, value in found.items()}


def _plain(name, value):
    """A count as an integer."""
    return int(value) if name in COUNTS and float(value).is_integer() else value
