"""An oracle and its trials, from all that the files of a search know."""

from keras_tuner.engine import trial as trials

from kdl.tuning.store import files
from kdl.tuning.store.warn import warn


def restored(folder, journal, present):
    """Returns the state of the oracle of a search, and its trials.

    What is lost or damaged is taken from the other files as far as they know it, with
    a warning. The trials' own files decide: what has ended there has ended.

    Args:
        folder: `Path` of the search.
        journal: `Journal` of the search.
        present: Dict. State of the oracle as it is, for what no file knows.

    Returns:
        Tuple of the state, a dict, and a dict of the `Trial`s by their names.
    """
    try:
        state = files.read_oracle(folder)
    except files.DamagedFileError as error:
        warn(f"{error}; what the other files know takes its place.")
        state = present | _rebuilt(folder, journal, present)
    space = state["hyperparameters"]["space"]
    known = map(int, {*state["start_order"], *state["end_order"]})
    states = files.read_trials(folder, journal, space, known)
    found = map(trials.Trial.from_state, states.values())
    found = {trial.trial_id: trial for trial in found}
    ended = {name for name, trial in found.items() if trial.status in files.ENDED}
    # In the order in which they ended, as far as it is known.
    in_order = [name for name in [*state["end_order"], *found] if name in ended]
    orders = {"start_order": list(found), "end_order": list(dict.fromkeys(in_order))}
    return state | orders, found


def _rebuilt(folder, journal, present):
    """State of an oracle without its own file, as far as others have it."""
    # The objective is that of the tuner's file, if there is one.
    known = files.read_spare(folder)
    entries = journal.entries
    return {
        "objective": known.get("objective", present["objective"]),
        "seed": known.get("seed", present["seed"]),
        "start_order": [entries[number].name for number in sorted(entries)],
        "end_order": [entries[number].name for number in journal.ended],
        "seconds": sum(entry.seconds for entry in entries.values()),
    }
