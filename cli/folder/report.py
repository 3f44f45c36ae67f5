"""The content of a folder as tables and lines to print, without Keras."""

from kdl_cli.folder import cross_validation, outcome
from kdl_cli.folder.reading import (
    CALIBRATION,
    HISTORY,
    HYPERPARAMETERS,
    MEMBERS,
    RESULTS,
    TITLES,
    TRIALS,
    read_hyperparameters,
    read_results,
    read_rows,
    read_settings,
    status,
)
from kdl_cli.terminal.text import columns_table, rows_table, values_table

_SCORED = ("completed", "pruned")
# How many trials of the front a table shows.
_FRONT_MOST = 8
# Tables that are shown with a column for each row.
_TABLES = {
    MEMBERS: "Members, on the validation set",
    CALIBRATION: "Before and after, on the test set",
}


def parts(folder, search=None):
    """The content of a folder as tables and lines to print.

    Args:
        folder: `Path`.
        search: Optional `kdl.tuning.SearchRecord` of the search in it.

    Raises:
        ValueError: If the folder is of none of `KINDS`.
    """
    if search and search.directory == folder:
        aim = {"objective": search.objective, "direction": search.direction}
        yield values_table(aim if search.goal.is_plain else {"goal": search.goal})
        yield from trial_tables(rows_of(search), search.objective, search.direction)
        return
    settings = read_settings(folder)
    # The hyperparameters have a table of their own.
    hidden = ("versions", "hyperparameters")
    ended = settings | {"status": status(folder, settings)}
    yield values_table({k: _told(v) for k, v in ended.items() if k not in hidden})
    if settings["kind"] == "search":
        yield from trials(folder, settings)
    elif settings["kind"] == "cross-validation":
        yield from cross_validation.parts(folder, settings)
    elif settings["kind"] == "comparison":
        # Its statistics take a second to import.
        from kdl_cli.folder import comparison

        yield from comparison.parts(folder, settings)
        yield f"\nHyperparameters beside {settings['vary']}:"
        yield values_table(settings["hyperparameters"])
    elif history := read_rows(folder / HISTORY):
        yield "\nThe last epoch:"
        yield values_table(history[-1])
    for name, title in _TABLES.items():
        if rows := read_rows(folder / name):
            yield f"\n{title}:"
            yield columns_table(rows)
    if (folder / HYPERPARAMETERS).exists():
        yield "\nHyperparameters:"
        _, values = read_hyperparameters(folder / HYPERPARAMETERS)
        yield values_table(values)
    if (folder / RESULTS).exists():
        results = read_results(folder / RESULTS)
        for name in (name for name in TITLES if name in results):
            yield f"\n{TITLES[name]}:"
            yield values_table(results[name])
        yield from outcome.parts(results)


def _told(setting):
    """A setting; values by name as they are given on the command line."""
    if not isinstance(setting, dict):
        return setting
    return "  ".join(
        f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in setting.items()
    )


def trials(folder, settings):
    """The table of the best trials in a folder, and of the errors of the others."""
    path, objective = folder / TRIALS, settings["objective"]
    rows = read_rows(path)
    try:
        for row in rows:
            if row["status"] in _SCORED:
                float(row[objective])
            elif row["status"] == "failed":
                row["trial"], row["error"]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is not the table of a search's trials.") from None
    return trial_tables(rows, objective, settings["direction"])


def trial_tables(rows, objective, direction, most=5):
    """The best trials of a search, side by side, and the errors of those that failed.

    Args:
        rows: List of dicts, as in `TRIALS`.
        objective: String.
        direction: `"min"` or `"max"`.
        most: Integer. How many of the best to show.
    """
    done = [row for row in rows if row["status"] in _SCORED]
    sign = 1 if direction == "min" else -1
    done.sort(key=lambda row: sign * float(row[objective]))
    front = [row for row in done if row.get("front")]
    if front:
        yield f"\nThe front, {len(front)} of {len(done)} trials:"
        yield _side_by_side(front[:_FRONT_MOST])
        if len(front) > _FRONT_MOST:
            yield f"and {len(front) - _FRONT_MOST} more in {TRIALS}."
    elif done:
        best = done[:most]
        pruned = sum(row["status"] == "pruned" for row in done)
        some = f", {pruned} of them pruned" if pruned else ""
        yield f"\nThe best of {len(done)} trials{some}:"
        yield _side_by_side(best)
    broken = sum(row["status"] == "infeasible" for row in rows)
    if broken:
        yield f"\n{broken} of {len(rows)} trials broke a constraint."
    failed = [row for row in rows if row["status"] == "failed"]
    if failed:
        yield f"\n{len(failed)} failed:"
        yield values_table({f"trial {row['trial']}": row["error"] for row in failed})


def picked(folder, search, how):
    """Which trial of a front is picked, as lines and a table to print.

    Args:
        folder: `Path`.
        search: `kdl.tuning.SearchRecord` of the search in it, or `None`.
        how: String. As `--pick` takes it.

    Raises:
        ValueError: If there is no front, or none on it is as asked for.
    """
    if search is None or len(search.goal.objectives) < 2:
        raise ValueError(
            f"--pick chooses from a search for several objectives, which {folder} does "
            "not hold."
        )
    try:
        trial = search.pick(how)
    except ValueError as error:
        raise ValueError(str(error).replace("`pick`", "--pick")) from None
    if trial is None:
        raise ValueError(f"The search in {folder} has no trial on a front yet.")
    yield f"Trial {trial.number}, one of {len(search.front())} on the front:"
    yield values_table({**trial.metrics, **trial.values})


def _side_by_side(rows):
    """A table of trials, each a column, without what is empty in all of them."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return rows_table(
        {
            name: values
            for name, values in columns.items()
            if name not in ("status", "error", "front") and set(values) != {""}
        }
    )


def rows_of(search):
    """The trials of a `kdl.tuning.SearchRecord` as dicts, for `TRIALS`.

    With several objectives, a column says by `"yes"` which are on the front.
    """
    several = any(len(trial.scores) > 1 for trial in search.trials)
    names = dict.fromkeys(name for trial in search.trials for name in trial.values)
    measured = [name for name in search.goal.names if name != search.objective]
    is_front = len(search.goal.objectives) > 1
    front = [trial.number for trial in search.front()] if is_front else []
    return [
        {
            "trial": trial.number,
            "status": trial.status,
            **({"front": "yes" if trial.number in front else ""} if is_front else {}),
            search.objective: trial.metrics.get(search.objective, trial.score),
            **{name: trial.metrics.get(name) for name in measured},
            **({"standard_error": trial.standard_error} if several else {}),
            "best_epoch": None if trial.best_epoch is None else trial.best_epoch + 1,
            "error": trial.error,
            **{name: trial.values.get(name, "") for name in names},
        }
        for trial in search.trials
    ]
