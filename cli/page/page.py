"""The page of a search: one HTML file that needs no network."""

from datetime import UTC, datetime

from kdl.files import atomic
from kdl_cli.folder import reading
from kdl_cli.page import learning_curves, page_charts, page_tables
from kdl_cli.page.dimensions import dimensions
from kdl_cli.page.document import document
from kdl_cli.page.importances import importances
from kdl_cli.page.markup import code, element, joined, table
from kdl_cli.terminal.text import command, written

PAGE = "report.html"
# For a search from Python, whose hypermodel and data are the user's.
SNIPPET = """\
import keras_tuner

hp = keras_tuner.HyperParameters()
hp.values = {{
{values}
}}
model = hypermodel.build(hp)
hypermodel.fit(hp, model, x, y, epochs=epochs, validation_data=validation_data)
"""


def write(folder, search):
    """Writes the page of a search.

    Args:
        folder: `Path` of the search's folder, to write into.
        search: `kdl.tuning.SearchRecord`.

    Returns:
        `Path` of the page.
    """
    # Only `kdl tune` notes any, and has a folder around that of its tuner.
    settings = {} if search.directory == folder else reading.read_settings(folder)
    name = settings.get("recipe") or folder.resolve().name
    content = sections(folder, search, settings)
    text = document(f"Search of {name}", summary(folder, search, settings), content)
    with atomic(folder / PAGE) as draft:
        draft.write_text(text, encoding="utf-8")
    return folder / PAGE


def sections(folder, search, settings):
    """Returns a dict of `Html` by title."""
    axes = dimensions(search)
    result = importances(search, axes)
    if result:
        # What matters most comes first.
        axes.sort(key=lambda axis: -result.means[axis.name])
    parts = {"Best trial": best(folder, search, settings)}
    if search.ranked():
        parts["Optimization history"] = page_charts.history(search)
        if axes:
            parts["Parallel coordinates"] = page_charts.parallel(search, axes)
            parts["Slices"] = page_charts.slices(search, axes)
        parts["Importances"] = page_charts.importance(search, result)
    if learning_curves.curves(search):
        parts["Learning curves"] = page_charts.curves(search)
    parts["Trials"] = page_tables.trials(search)
    if failed := [trial for trial in search.trials if trial.error]:
        parts["Failures"] = page_tables.failures(failed)
    parts["Budget"] = page_tables.budget(search, settings)
    parts["Environment"] = page_tables.environment(settings)
    return parts


def summary(folder, search, settings):
    """How the search stands, in a few sentences."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    running = any(trial.status == "running" for trial in search.trials)
    status = "still running, or was killed" if running else ""
    if settings:
        status = reading.status(folder, settings)
    return element(
        "p",
        f"A search for the {search.direction}imum of {search.objective}. "
        f"Trials: {len(search.trials)}. ",
        f"It is {status}. " if status else "",
        "Written by ",
        element("code", "kdl report"),
        f" on {now} UTC.",
    )


def best(folder, search, settings):
    if not search.ranked():
        return element("p", "No trial has a score yet.")
    trial = search.ranked()[0]
    rows = [(search.objective, trial.score)]
    if trial.standard_error is not None:
        rows.append(("standard error", trial.standard_error))
    if trial.best_epoch is not None:
        rows.append(("best epoch", trial.best_epoch + 1))
    rows += trial.values.items()
    return joined(
        table(f"Trial {trial.number + 1}", ["name", "value"], rows),
        element("h3", "How to run it again"),
        rerun(folder, trial, settings),
    )


def rerun(folder, trial, settings):
    """What trains with its values: a command, or lines for a search from Python."""
    if not settings:
        lines = (f"    {name!r}: {value!r}," for name, value in trial.values.items())
        return code(SNIPPET.format(values="\n".join(lines)))
    words = ["run", settings["recipe"]]
    path = folder / reading.HYPERPARAMETERS
    # Which is that of the best trial once a search has ended, not on its way.
    if path.exists() and reading.read_hyperparameters(path)[1] == trial.values:
        words += ["--hp", str(folder)]
    else:
        for name, value in trial.values.items():
            words += ["--set", f"{name}={written(value)}"]
    for name in ("data", "epochs"):
        if settings.get(name):
            words += [f"--{name}", str(settings[name])]
    return code(command(*words))
