"""A tuner of KerasTuner that survives being killed."""

import itertools
import json
import math
import numbers
import re
import shutil
from pathlib import Path

import keras
from keras_tuner.engine import trial as trials

from kdl.callbacks import Resume, TensorBoardLogger
from kdl.checks import check_boolean
from kdl.files import atomic, write_json
from kdl.tuning.cross_validation import CrossValidation, pooled, rows
from kdl.tuning.durable import ENDED, EXECUTION
from kdl.tuning.journal import FILE, Journal
from kdl.tuning.messages import write_message
from kdl.tuning.results import final
from kdl.tuning.seeds import FIT, integer


class DurableTuner:
    """Mixin for a `keras_tuner.Tuner` with a `DurableOracle`, before it.

    It reports each epoch to the oracle, which may end the trial. A trial that was
    killed goes on after its last epoch. A `TensorBoardLogger` among the callbacks logs
    each trial in a folder of its own, with its hyperparameters. Each execution of a
    trial has a seed of its own for Keras, so that one that is run again is the same. A
    search over another space is refused, which KerasTuner would mix in silence. The
    first line of a failed trial's message is the error in a sentence; KerasTuner's is a
    traceback.
    """

    def __init__(self, oracle, *args, folds=None, resume_trials=True, **kwargs):
        self.resume_trials = check_boolean("resume_trials", resume_trials)
        if folds is not None:
            if kwargs.get("executions_per_trial", 1) != 1:
                raise ValueError(
                    "Give a tuner `folds` or `executions_per_trial`, not both. To "
                    "split several times: folds=CrossValidation(repeats=2)."
                )
            if not isinstance(folds, CrossValidation):
                folds = CrossValidation(folds)
            kwargs["executions_per_trial"] = folds.folds * folds.repeats
        self.folds, self._splits = folds, None
        self._seed = oracle.seed  # A worker's stand-in for the oracle has none.
        self._error = self._journal = None
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

    def search(self, *args, groups=None, **kwargs):
        if self.folds is not None:
            # In the order in which `fit` takes them.
            given = zip(("x", "y", "batch_size", "epochs"), args, strict=False)
            args, kwargs = args[4:], dict(given) | kwargs
            names = ("x", "y", "validation_data", "sample_weight")
            self._data = pooled(*(kwargs.pop(name, None) for name in names))
            first, *_ = keras.tree.flatten(self._data[1])
            self._splits = self.folds.split(first, groups)
        elif groups is not None:
            raise ValueError("`groups` are for folds, and this tuner has no `folds`.")
        super().search(*args, **kwargs)

    def run_trial(self, trial, *args, **kwargs):
        # Read from the file: the oracle may be that of another process.
        if self._journal is None:
            self._journal = Journal(Path(self.project_dir) / FILE)
        self._journal.refresh()
        self._entry = self._journal.entry(trial.trial_id)
        self._execution, self._stopped = -1, None
        path = self._get_checkpoint_fname(trial.trial_id)
        scores = self._entry.scores(self.oracle.objective.name)
        self._checkpoint = _BestEpoch(self.oracle.objective, path, scores)
        return super().run_trial(trial, *args, **kwargs)

    def on_epoch_end(self, trial, model, epoch, logs=None):
        super().on_epoch_end(trial, model, epoch, logs)
        told = self._report(trial, epoch, logs)
        if told.status == trials.TrialStatus.STOPPED:
            model.stop_training = self._stopped = True

    def _build_and_fit_model(self, trial, *args, **kwargs):
        self._execution += 1
        if self._stopped:
            # What it has said already is all that will be known of it.
            return self._result
        result = self._entry.results.get(self._execution)
        if result is None:
            keras.utils.set_random_seed(self._seed_of(trial))
            *callbacks, _ = kwargs["callbacks"]
            self._log_apart(trial, callbacks)
            callbacks.append(self._checkpoint)
            if self.resume_trials:
                callbacks.append(self._resume(trial, callbacks))
            kwargs["callbacks"] = callbacks
            if self._splits is not None:
                kwargs |= self._fold()
            results = super()._build_and_fit_model(trial, *args, **kwargs)
            shutil.rmtree(self._checkpoints(trial), ignore_errors=True)
            result, epoch = final(results, self.oracle.objective)
            self._report(trial, epoch, result | {ENDED: 1.0})
        self._result = result
        return result

    def _log_apart(self, trial, callbacks):
        # As KerasTuner does with the callback of Keras.
        for callback in callbacks:
            if isinstance(callback, TensorBoardLogger):
                folder = Path(trial.trial_id) / f"execution{self._execution}"
                callback.directory = Path(callback.directory) / folder
                callback.hparams = dict(trial.hyperparameters.values)

    def _fold(self):
        """Data of this execution, as arguments of `fit`."""
        train, test = self._splits[self._execution]
        (x, y, weight), (test_x, test_y, test_weight) = (
            [rows(part, which) for part in self._data] for which in (train, test)
        )
        if weight is None:
            return {"x": x, "y": y, "validation_data": (test_x, test_y)}
        held = (test_x, test_y, test_weight)
        return {"x": x, "y": y, "sample_weight": weight, "validation_data": held}

    def _report(self, trial, epoch, metrics):
        # A callback may have put anything into the logs.
        known = {
            name: float(value)
            for name, value in metrics.items()
            if isinstance(value, numbers.Real)
        }
        known[EXECUTION] = float(self._execution)
        return self.oracle.update_trial(trial.trial_id, known, step=epoch)

    def _seed_of(self, trial):
        return integer(self._seed, FIT, int(trial.trial_id), self._execution)

    def _resume(self, trial, callbacks):
        if len(self._entry.curves) <= self._execution:
            # Of an attempt that failed.
            shutil.rmtree(self._checkpoints(trial), ignore_errors=True)
        return _ResumedTrial(
            self._checkpoints(trial),
            [callback for callback in callbacks if hasattr(callback, "get_state")],
        )

    def _checkpoints(self, trial):
        return Path(self.get_trial_dir(trial.trial_id)) / f"execution_{self._execution}"

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
            # KerasTuner's protocol has no place for it.
            write_message(self.get_trial_dir(trial.trial_id), trial.message)
        super().on_trial_end(trial)


class _BestEpoch(keras.callbacks.Callback):
    """Saves the weights of the best epoch of all executions of a trial, atomically.

    KerasTuner's own writes in place, and when a trial goes on forgets the best.
    """

    def __init__(self, objective, path, scores):
        super().__init__()
        self.objective, self.path = objective, path
        self.best = math.inf if objective.direction == "min" else -math.inf
        for score in scores:
            self._is_best(score)

    def on_epoch_end(self, epoch, logs=None):
        # Without the objective in the logs, `fit` returns it at its end.
        has_value = self.objective.has_value(logs)
        if not has_value or self._is_best(self.objective.get_value(logs)):
            with atomic(self.path) as draft:
                self.model.save_weights(draft)

    def get_state(self):
        return {"best": self.best}

    def set_state(self, state):
        self.best = state["best"]

    def _is_best(self, score):
        is_best = self.objective.better_than(score, self.best)
        self.best = score if is_best else self.best
        return is_best


class _ResumedTrial(Resume):
    """`Resume` for a hypermodel that may fit several times: a checkpoint for each.

    A hypermodel with a training loop of its own may call `on_epoch_end` alone, which
    is all that KerasTuner asks of it. Such a fit cannot be taken up.
    """

    def __init__(self, folder, callbacks):
        super().__init__(folder, callbacks=callbacks)
        self.folder, self._fits = folder, itertools.count()
        self._fitting = False

    def on_train_begin(self, logs=None):
        self.directory = self.folder / f"fit_{next(self._fits)}"
        self._fitting = True
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch, logs=None):
        if self._fitting:
            super().on_epoch_end(epoch, logs)


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
    return {label(parameter["config"]): parameter for parameter in space}


def label(config):
    """A name for a hyperparameter of this config, which tells its conditions."""
    scopes = [condition["config"] for condition in config["conditions"]]
    return config["name"] + "".join(
        f" ({scope['name']} in {scope['values']})" for scope in scopes
    )
