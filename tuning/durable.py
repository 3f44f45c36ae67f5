"""KerasTuner searches that survive being killed."""

import json
import math
import re
from pathlib import Path

import keras
import numpy as np
from keras_tuner.engine import trial as trials

from kdl.files import write_json


class DurableOracle:
    """Mixin for a `keras_tuner.Oracle`, before it in the list of bases.

    KerasTuner keeps its state in several files, which it writes in place and one
    after the other. A process killed in between leaves half a file, which makes the
    whole search unreadable; a finished trial that is run again; or a trial that
    stays `RUNNING` for ever. Here files are written atomically, and on reload the
    trials' own files decide: what has ended stays ended, what has not runs again
    from its beginning, under its old values.

    It also fails a trial whose score is not finite, since KerasTuner takes an
    infinite loss for a good one, and refuses to go on with another objective.
    """

    def save(self):
        write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial):
        folder = Path(self._get_trial_dir(trial.trial_id))
        write_json(folder / "trial.json", trial.get_state())

    def score_trial(self, trial):
        super().score_trial(trial)
        if not math.isfinite(trial.score):
            trial.message = f"{self.objective.name} was {trial.score}"
            trial.score = math.nan  # Which KerasTuner takes for a failure.

    def get_state(self):
        objective = [self.objective.name, self.objective.direction]
        return {**super().get_state(), "objective": objective}

    def set_state(self, state):
        objective = [self.objective.name, self.objective.direction]
        before = state.get("objective", objective)
        if before != objective:
            raise ValueError(
                f"The search in {self._project_dir} has the objective {before}, not "
                f"{objective}. Choose another directory."
            )
        super().set_state(state)

    def reload(self):
        super().reload()
        # By number, not in the order in which the file system lists them.
        self.trials = dict(sorted(self.trials.items(), key=lambda item: int(item[0])))
        self._retry_queue = []
        for trial_id, trial in self.trials.items():
            self._record_values(trial)
            if trial_id not in self.start_order:
                self.start_order.append(trial_id)
            ended = trial.status in ("COMPLETED", "FAILED")
            if ended and trial_id not in self.end_order:
                self.end_order.append(trial_id)
            if not ended:
                fresh = trials.Trial(trial.hyperparameters, trial_id)
                self.trials[trial_id] = fresh
                # The queue is taken from its end.
                self._retry_queue.insert(0, trial_id)


class DurableTuner:
    """Mixin for a `keras_tuner.Tuner` with a `DurableOracle`, before it.

    It refuses to go on with a search over another space, which KerasTuner would
    mix in silence, and seeds Keras for each trial, so that a trial that is run
    again is the same trial. The first line of a failed trial's message is the error
    in a sentence; KerasTuner's is a traceback.
    """

    def __init__(self, oracle, *args, **kwargs):
        self._seed = oracle.seed  # A worker's stand-in for the oracle has none.
        self._error = None
        super().__init__(oracle, *args, **kwargs)

    def save(self):
        if not self._is_worker():
            self.oracle.save()
        write_json(self._get_tuner_fname(), self.get_state())

    def _populate_initial_space(self):
        super()._populate_initial_space()
        self._initial_space = _plain(self.oracle.get_space())

    def reload(self):
        self._populate_initial_space()
        super().reload()

    def get_state(self):
        return {**super().get_state(), "space": self._initial_space}

    def set_state(self, state):
        # What trials have added to the space since is no part of the comparison.
        now = self._initial_space
        before = state.get("space", now)
        names = {name for name in {*now, *before} if now.get(name) != before.get(name)}
        if names:
            raise ValueError(
                f"The search in {self.project_dir} has another space: it differs in "
                f"{', '.join(sorted(names))}. Choose another directory."
            )
        super().set_state(state)

    def on_search_begin(self):
        # KerasTuner first saves when a trial has ended, and without that file
        # begins anew.
        self.save()
        super().on_search_begin()

    def run_trial(self, trial, *args, **kwargs):
        seeds = np.random.SeedSequence((self._seed, int(trial.trial_id)))
        keras.utils.set_random_seed(int(seeds.generate_state(1)[0]))
        return super().run_trial(trial, *args, **kwargs)

    def _run_and_update_trial(self, trial, *args, **kwargs):
        self._error = None
        try:
            super()._run_and_update_trial(trial, *args, **kwargs)
        except Exception as error:
            self._error = _sentence(error)
            raise

    def on_trial_end(self, trial):
        if self._error:
            trial.message = f"{self._error}\n\n{trial.message}"
        super().on_trial_end(trial)


def _sentence(error):
    """An error in one line, without what Keras wraps around that of a layer."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    own = [
        part
        for part in paragraphs
        if part and not part.startswith("Exception encountered when calling")
    ]
    return f"{type(error).__name__}: {(own or paragraphs)[0]}"


def _plain(hyperparameters):
    """Configurations by name and conditions, as they come back from a file."""
    space = json.loads(json.dumps(hyperparameters.get_config()["space"]))
    return {_label(parameter["config"]): parameter for parameter in space}


def _label(config):
    scopes = [condition["config"] for condition in config["conditions"]]
    return config["name"] + "".join(
        f" ({scope['name']} in {scope['values']})" for scope in scopes
    )
