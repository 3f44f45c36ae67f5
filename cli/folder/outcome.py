"""The best trial of a search compared with the defaults, without Keras."""

from kdl_cli.terminal.text import rows_table

# Names of trials in the results of a search.
BEST, DEFAULTS, NARROWED = "best", "defaults", "defaults as narrowed"


def trial_with(search, values):
    """Returns the first `TrialRecord` of a search with these values, or `None`."""
    return next(
        (trial for trial in search.trials if values.items() <= trial.values.items()),
        None,
    )


def scores(search, trial, tested=None):
    """Returns a dict of what is known of a trial, for a file of results.

    Args:
        search: `kdl.tuning.SearchRecord`.
        trial: `kdl.tuning.TrialRecord`.
        tested: Optional dict of loss and metrics on the test set.
    """
    found = {"trial": trial.number, "status": trial.status}
    if trial.score is not None:
        found[search.objective] = trial.score
    return found | {f"test_{name}": score for name, score in (tested or {}).items()}


def parts(results):
    """The best trial and the defaults, as tables and lines to print.

    Args:
        results: Dict, as a file of results holds it.
    """
    if BEST not in results:
        return
    best = results[BEST]
    name = next((name for name in (DEFAULTS, NARROWED) if name in results), None)
    if name is None:
        yield "\nNo trial has tried the defaults: there is nothing to compare."
        return
    other = results[name]
    if other["trial"] == best["trial"]:
        yield f"\nThe best trial is that of the {name}."
        return
    yield f"\nThe best trial and the {name}:"
    rows = {"": [BEST, name]}
    for key in dict.fromkeys([*best, *other]):
        rows[key] = [best.get(key), other.get(key)]
    if best["status"] == other["status"] == "completed":
        del rows["status"]
    yield rows_table(rows)
    if other["status"] in _UNTESTED:
        yield f"The {name} {_UNTESTED[other['status']]}, so that they were not tested."


# What is said of a trial whose model is not tested.
_UNTESTED = {
    "pruned": "were pruned",
    "failed": "failed",
    "infeasible": "broke a constraint",
}
