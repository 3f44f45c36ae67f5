"""Reads the folders of runs, searches and so on, without Keras."""

import contextlib
import csv
import io
import json
import math

from kdl_cli.folder.outcome import BEST, DEFAULTS, NARROWED
from kdl_cli.terminal.text import short_json

KINDS = (
    *("run", "search", "sweep", "comparison", "evaluation"),
    *("ensemble", "calibration", "lesson", "cross-validation", "examination"),
)
SETTINGS = "settings.json"
HYPERPARAMETERS = "hyperparameters.json"
TRIALS = "trials.csv"
RESULTS = "results.json"
STATE = "recipe.json"
DATA = "data.json"
HISTORY = "history.csv"
SWEEP = "learning_rate.csv"
RUNS = "runs.csv"
TRAININGS = "trainings.csv"
COMPARISON = "comparison.csv"
FOLDS = "folds.csv"
SCORES = "scores.csv"
MEMBERS = "members.csv"
CALIBRATION = "calibration.csv"
TITLES = {"test": "Test set", "learning_rate": "Suggested learning rates"}
# Settings that are `extras` of some recipes, each an option of that name.
EXTRAS = "backbone", "teacher", "unlabelled", "normal", "anomalous"
# Trials that a search compares.
COMPARED = (BEST, DEFAULTS, NARROWED)
# Bytes of a file; the tables of long trainings are the largest.
_MOST_JSON, _MOST_CSV = 2**24, 2**28


def tuner_folder(folder):
    """Where the tuner of a search keeps its files, or `None` if there is no search.

    `kdl tune` gives it a folder in that of the search; a tuner in Python has its own.
    """
    for place in (folder / "trials", folder):
        if (place / "oracle.json").exists():
            return place
    return None


def is_held(folder):
    """Whether a process is writing to a folder; `None` if that is not known."""
    import filelock  # Which takes a tenth of the time of `kdl --help`.

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
    """The status, which a killed process could not record itself."""
    if settings["status"] != "running":
        return settings["status"]
    states = {True: "still running", False: "killed"}
    return states.get(is_held(folder), "still running, or was killed")


def reads_float64(options):
    """Whether a command reads a model that computes in float64.

    A folder that cannot be read is for the command to refuse.

    Args:
        options: Its options, of which `folder` or `folders` have models.
    """
    folders = getattr(options, "folders", None) or [getattr(options, "folder", None)]
    for folder in filter(None, folders):
        with contextlib.suppress(ValueError, OSError):
            if read_settings(folder).get("precision") == "float64":
                return True
    return False


def read_settings(folder, kind=None):
    """Returns the settings in a folder.

    Args:
        folder: `Path`.
        kind: Optional string. The one of `KINDS` that it has to be of.

    Raises:
        ValueError: If the folder holds something else.
    """
    foreign = f"{folder} is no folder that a command of kdl has left"
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


# The settings that each kind has, and a check of each.
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
# Settings that may be missing, since older folders are read as well.
_KNOWN = {
    "recipe_sha256": _is_optional(_is_text),
    "objective_given": _is_optional(_is_text),
    "pick": _is_optional(_is_text),
    **dict.fromkeys(("data", "precision", *EXTRAS), _is_optional(_is_text)),
    **dict.fromkeys(
        ("devices", "epochs"),
        _is_optional(lambda value: _is_count(value) and value > 0),
    ),
    "seed": _is_optional(_is_count),
    "started": _is_optional(_is_text),
    "seconds": _is_optional(
        lambda value: type(value) in (int, float) and 0 <= value < math.inf
    ),
    "set": _is_optional(lambda value: isinstance(value, dict)),
    "range": _is_optional(lambda value: isinstance(value, dict)),
    "choices": _is_optional(lambda value: isinstance(value, dict)),
}


def basename(recipe):
    """The name of a recipe without the folder of its file, which may move."""
    return recipe.replace("\\", "/").rpartition("/")[2]


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
    """Returns the numbers in a file of results: a dict for each thing measured.

    Raises:
        ValueError: If the file is not one.
    """
    content = read_json(path)
    if not (
        isinstance(content, dict)
        and content.keys() <= {*TITLES, *COMPARED}
        and all(isinstance(values, dict) for values in content.values())
        and all(
            {"trial", "status"} <= content[name].keys()
            for name in COMPARED
            if name in content
        )
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
        # Half a surrogate pair cannot be printed.
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
    # The reader splits lines itself, since a field may hold line breaks.
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
        ValueError: If it does not exist, is not a file, such as a pipe or a device, or
            is too large.
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
