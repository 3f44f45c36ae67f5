"""The page of a search: one HTML file that needs no network."""

from kdl_cli.folder import outcome, reading
from kdl_cli.page import document, front, learning_curves, page_charts, page_tables
from kdl_cli.page.dimensions import dimensions
from kdl_cli.page.importances import importances
from kdl_cli.page.markup import code, element, joined
from kdl_cli.terminal.text import command, written

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


def write(folder, search, settings=None):
    """Writes the page of a search.

    Args:
        folder: `Path` of the search's folder, to write into.
        search: `kdl.tuning.SearchRecord`.
        settings: Optional dict. Settings of the search, for its own process. Defaults
            to `None`, those in the folder.

    Returns:
        `Path` of the page.
    """
    # Only the folder of `kdl tune`, around that of its tuner, has settings.
    if settings is None and search.directory != folder:
        settings = reading.read_settings(folder)
        settings |= {"status": reading.status(folder, settings)}
    settings = settings or {}
    name = settings.get("recipe") or folder.resolve().name
    content, failed = sections(folder, search, settings)
    head = summary(search, settings, failed)
    return document.write(folder, f"Search of {name}", head, content)


def sections(folder, search, settings):
    """Returns a dict of `Html` by title, and one of errors.

    A section that has nothing to show yet, or raises an error, is left out.
    """
    axes = dimensions(search)
    result = importances(search, axes)
    if result:
        # The most important first.
        axes.sort(key=lambda axis: -result.means[axis.name])
    scored, failures = search.ranked(), [t for t in search.trials if t.error]
    made = {
        "Best trial": lambda: best(folder, search, settings),
        "Front": lambda: (
            scored
            and len(search.goal.objectives) > 1
            and front.section(search, chosen(search, settings) if settings else None)
        ),
        "Optimization history": lambda: scored and page_charts.history(search),
        "Parallel coordinates": lambda: (
            scored and axes and page_charts.parallel(search, axes, result)
        ),
        "Slices": lambda: scored and axes and page_charts.slices(search, axes),
        "Importances": lambda: scored and page_charts.importance(search, result),
        "Learning curves": lambda: (
            learning_curves.curves(search) and page_charts.curves(search)
        ),
        "Trials": lambda: page_tables.trials(search),
        "Failures": lambda: failures and page_tables.failures(failures),
        "Budget": lambda: page_tables.budget(search, settings),
        "Environment": lambda: page_tables.environment(settings),
    }
    found, failed = {}, {}
    for title, make in made.items():
        try:
            content = make()
        except Exception as error:  # The other sections do not depend on it.
            failed[title] = f"{type(error).__name__}: {error}"
        else:
            found |= {title: content} if content else {}
    return found, failed


def summary(search, settings, failed):
    """The state of the search, in a few sentences."""
    running = any(trial.status == "running" for trial in search.trials)
    status = "still running, or was killed" if running else ""
    status = settings.get("status", status)
    return element(
        "p",
        f"A search for {_aim(search.goal)}. Trials: {len(search.trials)}. ",
        f"Status: {status}. " if status else "",
        document.written_now(),
        *(f" Left out: {title} ({error})." for title, error in failed.items()),
    )


def _aim(goal):
    """What a search is for, in words."""
    aims = [f"the {part.direction}imum of {part.name}" for part in goal.objectives]
    bounds = " and ".join(map(str, goal.constraints))
    return " and ".join(aims) + (f" with {bounds}" if bounds else "")


def chosen(search, settings):
    """The trial whose model is kept, or `None` without any."""
    try:
        return search.pick(settings.get("pick"))
    except ValueError:  # None on the front is as asked for yet.
        return search.pick()


def best(folder, search, settings):
    trial = chosen(search, settings)
    if trial is None:
        unmet = any(trial.status == "infeasible" for trial in search.trials)
        what = "meets the constraints" if unmet else "has a score"
        return element("p", f"No trial {what} yet.")
    return joined(
        page_tables.best(search, trial, _results(folder, trial, settings)),
        element("h3", "How to run it again"),
        rerun(folder, trial, settings),
    )


def _results(folder, trial, settings):
    """The results in a folder, provided they are those of the best trial."""
    path = folder / reading.RESULTS
    results = reading.read_results(path) if settings and path.exists() else {}
    # Before the search was resumed, another trial may have been the best.
    known = results.get(outcome.BEST, {}).get("trial") == trial.number
    return results if known else {}


def rerun(folder, trial, settings):
    """A command, or lines of Python, that train with the values of a trial."""
    if not settings:
        lines = (f"    {name!r}: {value!r}," for name, value in trial.values.items())
        return code(SNIPPET.format(values="\n".join(lines)))
    words = ["run", settings["recipe"]]
    path = folder / reading.HYPERPARAMETERS
    # Until the search has ended, it may be that of an earlier best trial.
    if path.exists() and reading.read_hyperparameters(path)[1] == trial.values:
        words += ["--hp", str(folder)]
    else:
        for name, value in trial.values.items():
            words += ["--set", f"{name}={written(value)}"]
    for name in ("data", *reading.EXTRAS, "precision", "epochs"):
        if settings.get(name):
            words += [f"--{name}", str(settings[name])]
    return code(command(*words))
