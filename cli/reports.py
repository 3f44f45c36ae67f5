"""Folders of runs, searches and so on, as they are read; this needs no Keras."""

import csv
import io
import json
import math
import shlex

import filelock
from rich.table import Table

KINDS = ("run", "search", "sweep", "comparison")
SETTINGS = "settings.json"
HYPERPARAMETERS = "hyperparameters.json"
TRIALS = "trials.csv"
RESULTS = "results.json"
HISTORY = "history.csv"
SWEEP = "learning_rate.csv"
RUNS = "runs.csv"
COMPARISON = "comparison.csv"
_TITLES = {"test": "Test set", "learning_rate": "Suggested learning rates"}
# Bytes of a file; the tables of long trainings are the largest.
_MOST_JSON, _MOST_CSV = 2**24, 2**28


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
    ended = settings | {"status": status(folder, settings)}
    yield values_table({k: v for k, v in ended.items() if k not in hidden})
    if settings["kind"] == "search":
        yield from trials(folder, settings)
    elif settings["kind"] == "comparison":
        # Its statistics take a second to import.
        from kdl_cli import comparison_report

        yield from comparison_report.parts(folder, settings)
        yield f"\nHyperparameters beside {settings['vary']}:"
        yield values_table(settings["hyperparameters"])
    elif history := read_rows(folder / HISTORY):
        yield "\nThe last epoch:"
        yield values_table(history[-1])
    if (folder / HYPERPARAMETERS).exists():
        yield "\nHyperparameters:"
        _, values = read_hyperparameters(folder / HYPERPARAMETERS)
        yield values_table(values)
    if (folder / RESULTS).exists():
        for name, values in read_results(folder / RESULTS).items():
            yield f"\n{_TITLES[name]}:"
            yield values_table(values)


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


_SCORED = ("completed", "pruned")


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
    if isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value)


def command(*words):
    """A command line of kdl that a shell takes as it is meant."""
    return shlex.join(["kdl", *map(str, words)])


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


def is_held(folder):
    """Whether a process writes a folder; `None` where its lock does not tell."""
    path = folder / ".lock"  # That of `kdl.files.hold`, which needs Keras.
    try:
        if not path.exists():
            return None
        with filelock.FileLock(path, blocking=False):
            return False
    except filelock.Timeout:
        return True
    except (OSError, NotImplementedError):
        return None


def status(folder, settings):
    """How it ended, or that it runs; a killed process cannot say so."""
    if settings["status"] != "running":
        return settings["status"]
    states = {True: "still running", False: "killed"}
    return states.get(is_held(folder), "still running, or was killed")


def read_settings(folder, kind=None):
    """Returns the settings in a folder.

    Args:
        folder: `Path`.
        kind: Optional string. The one of `KINDS` that it has to be of.

    Raises:
        ValueError: If the folder is of something else.
    """
    kinds = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
    foreign = f"{folder} is not the folder of a {kinds} of kdl"
    if not (folder / SETTINGS).exists():
        raise ValueError(f"{foreign}: it has no {SETTINGS}.")
    settings = read_json(folder / SETTINGS)
    found = settings.get("kind") if isinstance(settings, dict) else None
    if not isinstance(found, str) or found not in KINDS:
        raise ValueError(f"{foreign}: its {SETTINGS} is of something else.")
    if kind not in (None, found):
        raise ValueError(
            f"{folder} holds a {found}, not a {kind}. Give --out a new name."
        )
    needed = _NEEDED | (_COMPARED if found == "comparison" else {})
    if missing := needed.keys() - settings.keys():
        raise ValueError(f"{folder / SETTINGS} lacks {', '.join(sorted(missing))}.")
    for name, is_right in (needed | _KNOWN).items():
        if name in settings and not is_right(settings[name]):
            raise ValueError(
                f"{folder / SETTINGS} is damaged: its `{name}` is "
                f"{short_json(settings[name])}."
            )
    return settings


def _is_text(value):
    return isinstance(value, str)


def _is_count(value):
    return type(value) is int and 0 <= value < 2**63


def _is_direction(value):
    return value in ("min", "max")


def _is_optional(check):
    return lambda value: value is None or check(value)


# What the settings of each kind have, and how they are recognized.
_NEEDED = {
    "recipe": _is_text,
    "objective": _is_text,
    "direction": _is_direction,
    "status": _is_text,
}
_COMPARED = {
    "vary": _is_text,
    "values": lambda value: isinstance(value, list) and len(value) > 0,
    "hyperparameters": lambda value: isinstance(value, dict),
    "seed": _is_count,
    "seeds": _is_count,
    "metric": _is_text,
    "metric_direction": _is_direction,
}
# What others may lack, since a run or a search of any age may be read.
_KNOWN = {
    "data": _is_optional(_is_text),
    "epochs": _is_optional(lambda value: _is_count(value) and value > 0),
    "seed": _is_optional(_is_count),
    "started": _is_optional(_is_text),
    "seconds": _is_optional(
        lambda value: type(value) in (int, float) and 0 <= value < math.inf
    ),
    "set": _is_optional(lambda value: isinstance(value, dict)),
}


def short_json(value):
    """A value of a file in a sentence, as far as that can be long."""
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def read_hyperparameters(path):
    """Returns the recipe's name and the values in a file of hyperparameters.

    Raises:
        ValueError: If the file is not one.
    """
    content = read_json(path)
    if not (
        isinstance(content, dict)
        and isinstance(content.get("recipe"), str)
        and isinstance(content.get("values"), dict)
    ):
        raise ValueError(
            f"{path} holds no hyperparameters. `kdl run` and `kdl tune` write them, "
            f"as {HYPERPARAMETERS}."
        )
    return content["recipe"], content["values"]


def read_results(path):
    """Returns the numbers in a file of results: dicts by what they are of.

    Raises:
        ValueError: If the file is not one.
    """
    content = read_json(path)
    if not (
        isinstance(content, dict)
        and content.keys() <= _TITLES.keys()
        and all(isinstance(values, dict) for values in content.values())
    ):
        raise ValueError(f"{path} is not a file of results.")
    return content


def read_json(path):
    """Returns the value in a JSON file.

    Raises:
        ValueError: If there is no such file, or if it is not JSON.
    """
    text = read_text(path, _MOST_JSON)
    try:
        value = json.loads(text)
        # Half a surrogate pair is no text, and cannot be printed.
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is not a JSON file.") from None


def read_rows(path):
    """Returns the rows of a CSV file as dicts of strings; none if there is no file.

    Raises:
        ValueError: If it is not CSV, or if a row has more or less than the first one.
    """
    if not path.exists():
        return []
    # Which splits lines itself, also in fields.
    file = io.StringIO(read_text(path, _MOST_CSV), newline="")
    reader = csv.DictReader(file, strict=True)
    try:
        rows = list(reader)
        known = set(reader.fieldnames or ())
    except csv.Error:
        raise ValueError(f"{path} is not a CSV file.") from None
    for row in rows:
        if row.keys() != known or None in row.values():
            raise ValueError(
                f"{path} is damaged: a row has more fields than the first, or fewer."
            )
    return rows


def read_text(path, most):
    """Returns the text of a file in UTF-8.

    Args:
        path: `Path`.
        most: Integer. The most bytes that it may have.

    Raises:
        ValueError: If there is none, if it is something else, as a pipe or a device
            that may never end, or if it is too large for what it is to hold.
    """
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ValueError(f"{path} must be a file, not a device or a pipe.")
        with path.open("rb") as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise ValueError(f"{path} is too large: it has more than {most} bytes.")
        return content.decode()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text in UTF-8.") from None
