"""The files of a search, read so that damage to one of them is not the end of it."""

import copy
import datetime
import itertools
import json
import math
import numbers

from keras_tuner.engine import hyperparameters as kinds
from keras_tuner.engine import trial as trials

from kdl.tuning.goals.goal import Goal
from kdl.tuning.store.error_file import read_message
from kdl.tuning.store.journal import FILE, Journal
from kdl.tuning.store.warn import warn

ORACLE, TRIAL = "oracle.json", "trial.json"
# States of a trial that is not run again, and all those that a file may have.
ENDED = (trials.TrialStatus.COMPLETED, trials.TrialStatus.FAILED)
_STATES = (*ENDED, trials.TrialStatus.RUNNING, trials.TrialStatus.INVALID)


def number_of(trial_id):
    """Number of a trial as people count, from 1, where KerasTuner counts from 0."""
    return int(trial_id) + 1


class DamagedFileError(ValueError):
    """A file of a search is gone, or does not hold what it should."""


class ForeignFileError(DamagedFileError):
    """A file is that of a search of another tuner than kdl's."""


def read_state(path, check):
    """Returns the JSON object in a file.

    Args:
        path: `Path`.
        check: Function of it that raises any exception if something is wrong.

    Raises:
        DamagedFileError: If the file is gone, or its content is not as described.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise DamagedFileError(f"{path} is gone") from None
    try:
        # Not bytes, of which NULs would pass for another encoding.
        state = json.loads(text.decode())
        # KerasTuner puts objects into what it gets.
        check(copy.deepcopy(state))
    except ForeignFileError:
        raise ForeignFileError(
            f"{path} is that of a search of another tuner than kdl's"
        ) from None
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DamagedFileError(f"{path} is damaged ({reason})") from None
    return state


def read_oracle(folder):
    """Returns what the oracle of a search has left in its folder.

    Raises:
        DamagedFileError: If its file is gone or damaged.
    """
    return read_state(folder / ORACLE, _check_oracle)


def read_spare(folder):
    """Returns what the tuner's own file knows besides: objective, seed and space.

    Returns:
        Dict, empty if there is no such file that is whole.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            return read_state(path, _check_spare)
        except DamagedFileError:
            continue
    return {}


def check_tuner(state):
    """Raises an exception if something is wrong with the state of a tuner."""
    # A worker's has no more.
    (_check_spare if "seed" in state else _check_space)(state)


def read_trials(folder, journal, space, known=()):
    """Returns the states of all trials of a search, by number, without gaps.

    What the file of a trial does not say, the journal may. A trial of which neither
    knows the values has failed: its number is not given again.

    Args:
        folder: `Path` of the search.
        journal: `Journal` of the search, read before.
        space: List of the configurations of the hyperparameters.
        known: Iterable of integers. Numbers of other trials that there were.
    """
    states, problems = {}, {}
    for path in folder.glob(f"trial_*/{TRIAL}"):
        name = path.parent.name.removeprefix("trial_")
        if name.isdecimal():
            number = int(name)
            try:
                check = _checks_trial(number, journal.entry(number))
                states[number] = read_state(path, check)
            except DamagedFileError as error:
                problems[number] = error
    numbers_there = {*states, *problems, *known}
    # A damaged number may be any.
    most = max(numbers_there, default=-1) + len(journal.entries)
    numbers_there |= {number for number in journal.entries if number <= most}
    for number in range(max(numbers_there, default=-1) + 1):
        if number not in states:
            entry = journal.entry(number)
            trial_folder = folder / f"trial_{entry.name or number}"
            states[number], remedy = _rebuilt(number, entry, trial_folder, space)
            problem = problems.get(number, f"{trial_folder / TRIAL} is gone")
            warn(f"{problem}; {remedy}.")
    lost = [
        str(number_of(number))
        for number, state in sorted(states.items())
        if state["status"] in ENDED and number not in journal.entries
    ]
    if lost:
        warn(f"{journal.path} has nothing of trials {', '.join(lost)}.")
    return dict(sorted(states.items()))


def has_trials(folder):
    """Whether a folder holds trials of a search."""
    return any(folder.glob(f"trial_*/{TRIAL}")) or bool(Journal(folder / FILE).entries)


def _rebuilt(number, entry, folder, space):
    """State of a trial without its file, and what was done about it."""
    state = {
        "trial_id": entry.name or str(number),
        "hyperparameters": {"space": copy.deepcopy(space), "values": entry.values},
        "metrics": {"metrics": {}},
        "score": None,
        "best_step": None,
        "status": trials.TrialStatus.RUNNING,
        "message": read_message(folder),
    }
    if entry.end is not None and entry.end["status"] in ENDED:
        state |= entry.end
    if entry.values is None or not _is_known(number, entry, state):
        return state | {
            "score": None,
            "hyperparameters": {"space": [], "values": {}},
            "status": trials.TrialStatus.FAILED,
            "message": "Its file is lost, and with it its values.",
        }, "it counts as failed, since nothing else knows its values"
    return state, f"what {FILE} knows takes its place"


def _is_known(number, entry, state):
    try:
        _checks_trial(number, entry)(copy.deepcopy(state))
    except Exception:  # Damage may be anything.
        return False
    return True


def _checks_trial(number, entry):
    def check(state):
        trial = trials.Trial.from_state(state)
        _require(int(trial.trial_id) == number, "trial_id")
        _require(trial.status in _STATES, "status")
        _require(trial.message is None or isinstance(trial.message, str), "message")
        # What has ended stays ended.
        is_over = entry.end is not None and entry.end["status"] in ENDED
        _require(trial.status in ENDED or not is_over, "status")
        step = trial.best_step
        _require(step is None or (_is_number(step) and step >= 0), "best_step")
        score = trial.score
        finite = _is_number(score) and math.isfinite(score)
        if trial.status == trials.TrialStatus.COMPLETED:
            _require(finite, "score")
        _require(score is None or isinstance(score, numbers.Real), "score")
        for history in state["metrics"]["metrics"].values():
            for observation in history["observations"]:
                _require(all(map(_is_number, observation["value"])), "metrics")
        values = trial.hyperparameters.values
        for parameter in trial.hyperparameters.space:
            if parameter.name in values:
                value = values[parameter.name]
                _require(_is_of_kind(parameter, value), parameter.name)

    return check


def _check_oracle(state):
    if "objective" not in state:
        raise ForeignFileError
    kinds.HyperParameters.from_config(state["hyperparameters"])
    for name in ("start_order", "end_order"):
        _require(isinstance(state[name], list), name)
        _require(all(trial_id.isdecimal() for trial_id in state[name]), name)
    display = state["display"]
    _require(isinstance(display["trial_number"], dict), "display")
    began = display["search_start"]
    for text in ([began] if began else []) + list(display["trial_start"].values()):
        datetime.datetime.fromisoformat(text)
    for count in state["run_times"].values():
        _require(isinstance(count, int), "run_times")
    _require(isinstance(state["seed"], int) and state["seed"] >= 0, "seed")
    _require(isinstance(state["seed_state"], int), "seed_state")
    _require(isinstance(state["enqueued"], list), "enqueued")
    for values in state["enqueued"]:
        _require(isinstance(values, dict), "enqueued")
    seconds = state["seconds"]
    _require(_is_number(seconds) and 0 <= float(seconds) < math.inf, "seconds")
    for number, (asks, ended) in state.get("asked", []):
        counts = number, asks, ended
        _require(all(isinstance(n, int) and n >= 0 for n in counts), "asked")
    for values, loss in itertools.chain(*state.get("earlier", [])):
        _require(isinstance(values, dict), "earlier")
        _require(loss is None or (_is_number(loss) and math.isfinite(loss)), "earlier")
    _check_objective(state["objective"])


def _check_spare(state):
    _check_objective(state["objective"])
    _require(isinstance(state["seed"], int) and state["seed"] >= 0, "seed")
    _check_space(state)


def _check_space(state):
    for config in state["space"].values():
        kinds.deserialize(config)


def _check_objective(objective):
    name, direction, *config = objective
    _require(isinstance(objective, list) and isinstance(name, str), "objective")
    _require(direction in ("min", "max"), "objective")
    if config:
        Goal.from_config(*config)


def _is_of_kind(parameter, value):
    """Whether a value may be one of a hyperparameter, by its type."""
    if isinstance(parameter, kinds.Choice | kinds.Boolean | kinds.Fixed):
        return isinstance(value, bool | int | float | str)
    return _is_number(value) and math.isfinite(value)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _require(condition, name):
    if not condition:
        raise ValueError(f"{name!r} is not what it should be")
