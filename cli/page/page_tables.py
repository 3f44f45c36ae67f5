"""The tables of a search's page: what was tried, what it took, and with what."""

from datetime import UTC, datetime

import keras

from kdl_cli.folder import writing
from kdl_cli.page.chart_style import MARKERS
from kdl_cli.page.markup import code, details, element, joined, table
from kdl_cli.terminal.text import duration


def trials(search):
    names = dict.fromkeys(name for trial in search.trials for name in trial.values)
    columns = ["trial", "status", search.objective, "standard error", "best epoch"]
    rows = [
        [
            trial.number + 1,
            status(trial),
            trial.score,
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
    return element("a", trial.status, href=f"#failure-{trial.number + 1}")


def failures(failed):
    return joined(
        *(
            details(
                f"Trial {trial.number + 1}: {trial.error}",
                code(trial.traceback or trial.error),
                id=f"failure-{trial.number + 1}",
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
        element("p", f"Begun on {begun}." if begun else ""),
        table("What the trials took", columns, rows),
    )


def environment(settings):
    kept = {name: value for name, value in settings.items() if name != "versions"}
    versions = settings.get("versions")
    caption = "Versions"
    if not versions:
        versions = writing.versions(keras.backend.backend())
        caption = "The search kept no versions. Those of now:"
    return joined(
        table("Settings", ["name", "value"], kept.items()) if kept else "",
        table(caption, ["name", "version"], versions.items()),
    )
