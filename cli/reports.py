"""Folders of runs, searches and sweeps, as they are read; this needs no Keras."""

import csv
import json

from rich.table import Table

KINDS = ("run", "search", "sweep")
SETTINGS = "settings.json"
HYPERPARAMETERS = "hyperparameters.json"
TRIALS = "trials.csv"
RESULTS = "results.json"
SWEEP = "learning_rate.csv"
_TITLES = {"test": "Test set", "learning_rate": "Suggested learning rates"}


def parts(folder):
    """What a folder holds, as tables and lines to print.

    Raises:
        ValueError: If the folder is not that of a run, a search or a sweep.
    """
    settings = read_settings(folder)
    yield values_table(
        {name: settings[name] for name in settings if name != "versions"}
    )
    if settings["status"] == "running":
        yield "\nIt is still running, or was killed."
    if settings["kind"] == "search":
        yield from trials(folder, settings)
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


def trials(folder, settings, most=5):
    """The best trials of a search, side by side, and the errors of those that failed.

    Args:
        folder: `Path` of the search's folder.
        settings: Dict. Its settings.
        most: Integer. How many of the best to show.
    """
    rows = read_rows(folder / TRIALS)
    done = [row for row in rows if row["status"] == "completed"]
    sign = 1 if settings["direction"] == "min" else -1
    done.sort(key=lambda row: sign * float(row[settings["objective"]]))
    if done:
        best = done[:most]
        yield f"\nThe best of {len(done)} completed trials:"
        columns = {name: [row[name] for row in best] for name in done[0]}
        yield rows_table(
            {
                name: values
                for name, values in columns.items()
                if name not in ("status", "error") and any(values)
            }
        )
    failed = [row for row in rows if row["status"] == "failed"]
    if failed:
        yield f"\n{len(failed)} failed:"
        yield values_table({f"trial {row['trial']}": row["error"] for row in failed})


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


def read_settings(folder):
    """Returns the settings of the run or search in a folder.

    Raises:
        ValueError: If the folder is of something else.
    """
    foreign = f"{folder} is not the folder of a run, a search or a sweep of kdl"
    if not (folder / SETTINGS).exists():
        raise ValueError(f"{foreign}: it has no {SETTINGS}.")
    settings = read_json(folder / SETTINGS)
    if not isinstance(settings, dict) or settings.get("kind") not in KINDS:
        raise ValueError(f"{foreign}: its {SETTINGS} is of something else.")
    missing = {"recipe", "objective", "direction", "status"} - settings.keys()
    if missing:
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
