"""The tables of a search's page."""

from datetime import UTC, datetime

import keras

from kdl_cli.folder import outcome, writing
from kdl_cli.page.chart_style import MARKERS
from kdl_cli.page.markup import code, details, element, joined, table
from kdl_cli.terminal.text import duration


def best(search, trial, results):
    """Scores and values of the best trial, beside those of the defaults.

    Args:
        search: `kdl.tuning.SearchRecord`.
        trial: `kdl.tuning.TrialRecord` of the best.
        results: Dict of results, as `outcome.scores` makes them by name; may be empty.
    """
    columns = {f"best, trial {trial.number}": (trial, results.get(outcome.BEST, {}))}
    for name in (outcome.DEFAULTS, outcome.NARROWED):
        number = results.get(name, {}).get("trial", trial.number)
        other = [t for t in search.trials if t.number == number != trial.number]
        if other:
            columns[f"{name}, trial {number}"] = (other[0], results[name])
    rows = {}
    for heading, (some, scores) in columns.items():
        tested = {k: v for k, v in scores.items() if k.startswith("test_")}
        known = {
            "status": None if some.status == "completed" else some.status,
            search.objective: some.score,
            **some.metrics,
            "standard error": some.standard_error,
            **tested,
            "best epoch": None if some.best_epoch is None else some.best_epoch + 1,
            **some.values,
        }
        for name, value in known.items():
            rows.setdefault(name, {})[heading] = value
    cells = [[name, *map(row.get, columns)] for name, row in rows.items()]
    return table(
        "Scores on validation and test set, and hyperparameters",
        ["name", *columns],
        [row for row in cells if set(row[1:]) != {None}],
        wide=True,
    )


def trials(search):
    names = dict.fromkeys(name for trial in search.trials for name in trial.values)
    measured = [name for name in search.goal.names if name != search.objective]
    columns = ["trial", "status", search.objective, *measured]
    columns += ["standard error", "best epoch"]
    rows = [
        [
            trial.number,
            status(trial),
            trial.metrics.get(search.objective, trial.score),
            *map(trial.metrics.get, measured),
            trial.standard_error,
            None if trial.best_epoch is None else trial.best_epoch + 1,
            trial.epochs,
            trial.seconds,
            *(trial.values.get(name) for name in names),
        ]
        for trial in search.trials
    ]
    columns += ["epochs trained", "seconds", *names]
    return table(
        "Trials; the name of a column sorts by it", columns, rows, sortable=True
    )


def status(trial):
    if not trial.error:
        return trial.status
    return element("a", trial.status, href=f"#failure-{trial.number}")


def failures(failed):
    return joined(
        *(
            details(
                f"Trial {trial.number}: {trial.error}",
                code(trial.traceback or trial.error),
                id=f"failure-{trial.number}",
            )
            for trial in failed
        )
    )


def budget(search, settings):
    groups = {
        state: [trial for trial in search.trials if trial.status == state]
        for state in MARKERS
    }
    groups = {state: group for state, group in groups.items() if group}
    groups["all"] = search.trials
    rows = []
    for state, group in groups.items():
        epochs = sum(trial.epochs for trial in group)
        seconds = sum(trial.seconds for trial in group)
        mean = duration(seconds / len(group)) if group else None
        rows.append([state, len(group), epochs, duration(seconds), mean])
    began = [trial.began for trial in search.trials if trial.began is not None]
    begun = settings.get("started")
    if not begun and began:
        begun = datetime.fromtimestamp(min(began), UTC).isoformat(timespec="seconds")
    columns = ["status", "trials", "epochs trained", "time", "time per trial"]
    return joined(
        element("p", f"Started on {begun}." if begun else ""),
        table("What the trials took", columns, rows),
    )


def environment(settings):
    kept = {name: value for name, value in settings.items() if name != "versions"}
    versions = settings.get("versions")
    caption = "Versions"
    if not versions:
        versions = writing.versions(keras.backend.backend())
        caption = "Versions installed now; the search recorded none"
    return joined(
        table("Settings", ["name", "value"], kept.items()) if kept else "",
        table(caption, ["name", "version"], versions.items()),
    )
