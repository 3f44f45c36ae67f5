"""Folders of runs, searches and so on, as they are read; this needs no Keras."""

import csv
import json

from rich.table import Table

KINDS = ("run", "search", "sweep", "comparison")
SETTINGS = "settings.json"
HYPERPARAMETERS = "hyperparameters.json"
TRIALS = "trials.csv"
RESULTS = "results.json"
SWEEP = "learning_rate.csv"
RUNS = "runs.csv"
COMPARISON = "comparison.csv"
_TITLES = {"test": "Test set", "learning_rate": "Suggested learning rates"}


def parts(folder, search=None):
    """What a folder holds, as tables and lines to print.

    Args:
        folder: `Path`.
        search: Optional `kdl.tuning.SearchRecord` of the search in it.

    Raises:
        ValueError: If the folder is of none of `KINDS`.
    """
    if search and search.directory == folder:
        yield values_table(
            {"objective": search.objective, "direction": search.direction}
        )
        yield from trial_tables(rows_of(search), search.objective, search.direction)
        return
    settings = read_settings(folder)
    # The hyperparameters have a table of their own.
    hidden = ("versions", "hyperparameters")
    yield values_table({k: v for k, v in settings.items() if k not in hidden})
    if settings["status"] == "running":
        yield "\nIt is still running, or was killed."
    if settings["kind"] == "search":
        yield from trials(folder, settings)
    elif settings["kind"] == "comparison":
        # Its statistics take a second to import.
        from kdl_cli import comparison_report

        yield from comparison_report.parts(folder, settings)
        yield f"\nHyperparameters beside {settings['vary']}:"
        yield values_table(settings["hyperparameters"])
    elif history := read_rows(folder / "history.csv"):
        yield "\nThe last epoch:"
        yield values_table(history[-1])
    if (folder / HYPERPARAMETERS).exists():
        yield "\nHyperparameters:"
        _, values = read_hyperparameters(folder / HYPERPARAMETERS)
        yield values_table(values)
    if (folder / RESULTS).exists():
        for name, values in dict(read_json(folder / RESULTS)).items():
            yield f"\n{_TITLES[name]}:"
            yield values_table(values)


def trials(folder, settings):
    """The table of the best trials in a folder, and of the errors of the others."""
    rows = read_rows(folder / TRIALS)
    return trial_tables(rows, settings["objective"], settings["direction"])


def trial_tables(rows, objective, direction, most=5):
    """The best trials of a search, side by side, and the errors of those that failed.

    Args:
        rows: List of dicts, as in `TRIALS`.
        objective: String.
        direction: `"min"` or `"max"`.
        most: Integer. How many of the best to show.
    """
    done = [row for row in rows if row["status"] in ("completed", "pruned")]
    sign = 1 if direction == "min" else -1
    done.sort(key=lambda row: sign * float(row[objective]))
    if done:
        best = done[:most]
        pruned = sum(row["status"] == "pruned" for row in done)
        some = f", {pruned} of them pruned" if pruned else ""
        yield f"\nThe best of {len(done)} trials{some}:"
        columns = {name: [row[name] for row in best] for name in done[0]}
        yield rows_table(
            {
                name: values
                for name, values in columns.items()
                if name not in ("status", "error") and set(values) != {""}
            }
        )
    failed = [row for row in rows if row["status"] == "failed"]
    if failed:
        yield f"\n{len(failed)} failed:"
        yield values_table({f"trial {row['trial']}": row["error"] for row in failed})


def rows_of(search):
    """The trials of a `kdl.tuning.SearchRecord` as dicts, for `TRIALS`."""
    several = any(len(trial.scores) > 1 for trial in search.trials)
    names = dict.fromkeys(name for trial in search.trials for name in trial.values)
    return [
        {
            "trial": trial.number + 1,
            "status": trial.status,
            search.objective: trial.score,
            **({"standard_error": trial.standard_error} if several else {}),
            "best_epoch": None if trial.best_epoch is None else trial.best_epoch + 1,
            "error": trial.error,
            **{name: trial.values.get(name, "") for name in names},
        }
        for trial in search.trials
    ]


def values_table(values):
    """A table of names and values."""
    return rows_table({name: [value] for name, value in values.items()})


def rows_table(rows):
    """A table of names, each followed by a list of values."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    # A name is to be copied.
    table.add_column(no_wrap=True)
    for name, values in rows.items():
        table.add_row(name, *map(short, values))
    return table


def short(value):
    """A value as text, numbers to four digits."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return "" if value is None else str(value)
    if isinstance(value, bool) or number.is_integer():
        return str(value)
    return f"{number:.4g}"


def written(value):
    """A value as `--set` takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def tuner_folder(folder):
    """Where the tuner of a search keeps its files, or `None` if there is no search.

    `kdl tune` gives it a folder in that of the search; a tuner in Python has its own.
    """
    for place in (folder / "trials", folder):
        if (place / "oracle.json").exists():
            return place
    return None


def duration(seconds):
    """Seconds as a person says them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def read_settings(folder):
    """Returns the settings in a folder.

    Raises:
        ValueError: If the folder is of something else.
    """
    kinds = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
    foreign = f"{folder} is not the folder of a {kinds} of kdl"
    if not (folder / SETTINGS).exists():
        raise ValueError(f"{foreign}: it has no {SETTINGS}.")
    settings = read_json(folder / SETTINGS)
    if not isinstance(settings, dict) or settings.get("kind") not in KINDS:
        raise ValueError(f"{foreign}: its {SETTINGS} is of something else.")
    needed = {"recipe", "objective", "direction", "status"}
    if settings["kind"] == "comparison":
        needed |= {"vary", "values", "hyperparameters", "seed", "seeds"}
        needed |= {"metric", "metric_direction"}
    if missing := needed - settings.keys():
        raise ValueError(f"{folder / SETTINGS} lacks {', '.join(sorted(missing))}.")
    return settings


def read_hyperparameters(path):
    """Returns the recipe's name and the values in a file of hyperparameters.

    Raises:
        ValueError: If the file is not one.
    """
    content = read_json(path)
    if (
        not isinstance(content, dict)
        or "recipe" not in content
        or not isinstance(content.get("values"), dict)
    ):
        raise ValueError(
            f"{path} holds no hyperparameters. `kdl run` and `kdl tune` write them, "
            f"as {HYPERPARAMETERS}."
        )
    return content["recipe"], content["values"]


def read_json(path):
    """Returns the value in a JSON file.

    Raises:
        ValueError: If there is no such file, or if it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise ValueError(f"{path} is not a JSON file.") from None


def read_rows(path):
    """Returns the rows of a CSV file as dicts of strings; none if there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
