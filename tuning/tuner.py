"""A tuner of KerasTuner that survives being killed."""

import contextlib
import errno
import itertools
import json
import math
import os
import re
import shutil
import traceback
import warnings
from pathlib import Path

import keras
from keras_tuner import errors
from keras_tuner.engine import trial as trials

from kdl import private
from kdl.callbacks import Resume, TensorBoardLogger
from kdl.callbacks.monitoring import as_numbers
from kdl.callbacks.resuming import checkpoint
from kdl.checks import check_boolean, check_integer, check_optional
from kdl.files import WriteError, atomic, hold, sweep, write_json
from kdl.seeds import FIT, integer
from kdl.tuning.best_epoch import final
from kdl.tuning.cross_validation import CrossValidation, pooled, rows
from kdl.tuning.oracle import ENDED, EXECUTION, DurableOracle
from kdl.tuning.stop_signals import StopSignals
from kdl.tuning.store import files
from kdl.tuning.store.error_file import write_message
from kdl.tuning.store.journal import FILE, Journal
from kdl.tuning.store.warn import warn


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
        _check_arguments(**kwargs)
        hypermodel = args[0] if args else kwargs.get("hypermodel")
        if not callable(getattr(hypermodel, "build", hypermodel)) and (
            hypermodel is not None or type(self).run_trial is DurableTuner.run_trial
        ):
            raise ValueError(
                "`hypermodel` must be a keras_tuner.HyperModel or a function of "
                "hyperparameters that returns a compiled model. "
                f"Received: hypermodel={hypermodel!r}"
            )
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
        self._journal, self._signals = None, StopSignals()
        self._initial_space = None
        if kwargs.get("overwrite"):
            if private.is_worker(self):
                # What the chief searches in is not a worker's to delete.
                kwargs["overwrite"] = False
            else:
                _check_free(kwargs.get("directory"), kwargs.get("project_name"))
        super().__init__(oracle, *args, **kwargs)
        # Once it is known, and beside a worker's stand-in for the oracle, which has
        # none.
        self._seed = oracle.seed

    @property
    def project_dir(self):
        # KerasTuner makes it anew whenever it is not there.
        is_here = isinstance(self.oracle, DurableOracle)
        return self.oracle._project_dir if is_here else super().project_dir

    def save(self):
        if not private.is_worker(self):
            self.oracle.save()
        write_json(private.tuner_file(self), self.get_state())

    def _populate_initial_space(self):
        super()._populate_initial_space()
        if self._initial_space is None:
            self._initial_space = _plain(self.oracle.get_space())
            # Without its own file, KerasTuner's begins anew over what is there.
            if (
                not private.is_worker(self)
                and not private.tuner_file(self).exists()
                and files.has_trials(Path(self.project_dir))
            ):
                self.reload()

    def reload(self):
        # What trials have added to the space since is no part of the comparison.
        if self._initial_space is None:
            self._populate_initial_space()
        if not private.is_worker(self):
            self.oracle.reload()
            self._seed = self.oracle.seed
        self._reload_own()

    def _reload_own(self):
        try:
            path = private.tuner_file(self)
            state = files.read_state(path, files.check_tuner)
        except files.DamagedFileError as error:
            warn(f"{error}; the trials say of which space the search is.")
            state = {}
        self.set_state(state)

    def get_state(self):
        known = {"space": self._initial_space}
        if not private.is_worker(self):
            # Should the oracle's own file be lost.
            known |= self.oracle.identity()
        return {**super().get_state(), **known}

    def set_state(self, state):
        now = self._initial_space
        before = state.get("space")
        if before is None:
            before = self._space_of_trials()
        names = {name for name in {*now, *before} if now.get(name) != before.get(name)}
        if names:
            raise ValueError(
                f"The search in {self.project_dir} has another space: it differs in "
                f"{', '.join(sorted(names))}. Choose another directory."
            )
        super().set_state(state)

    def _space_of_trials(self):
        """The initial space as far as trials know it, in whose spaces it is."""
        if private.is_worker(self):
            return self._initial_space
        found = {}
        for trial in self.oracle.trials.values():
            found |= _plain(trial.hyperparameters)
        here = self._initial_space
        return {name: found[name] for name in here if name in found} if found else here

    @contextlib.contextmanager
    def exclusively(self):
        """Keeps other processes from the search, and stops on signals, meanwhile.

        Raises:
            ValueError: If another process is searching in the folder.
        """
        with contextlib.ExitStack() as entered:
            if isinstance(self.oracle, DurableOracle):
                is_known = self.oracle.is_known
                entered.enter_context(self.oracle.held())
                if not is_known and self.oracle.trials:
                    self._reload_own()
            entered.enter_context(self._signals.watched())
            try:
                yield
            except BaseException:
                # What was written may be less than what is in memory.
                getattr(self.oracle, "forget", lambda: None)()
                raise

    def on_search_begin(self):
        # KerasTuner first saves when a trial has ended, and without that file
        # begins anew.
        self.save()
        super().on_search_begin()

    def pre_create_trial(self):
        self._signals.check()
        super().pre_create_trial()

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
        with self.exclusively():
            super().search(*args, **kwargs)

    def run_trial(self, trial, *args, **kwargs):
        folder = Path(self.project_dir)
        if isinstance(self.oracle, DurableOracle):
            self._journal = self.oracle.journal
        elif self._journal is None:
            self._journal = Journal(folder / FILE)
        self._journal.refresh()
        self._entry = self._journal.entry(trial.trial_id)
        if private.is_worker(self):
            # Without a seed, each process has drawn one.
            self._seed = files.read_spare(folder).get("seed", self._seed)
        self._execution, self._stopped = -1, None
        path = private.checkpoint_file(self, trial.trial_id)
        sweep(Path(path).parent, "*")
        scores = self._entry.scores(self.oracle.objective.name)
        self._checkpoint = _BestEpoch(self.oracle.objective, path, scores)
        return super().run_trial(trial, *args, **kwargs)

    def on_batch_begin(self, trial, model, batch, logs=None):
        self._signals.check()
        super().on_batch_begin(trial, model, batch, logs)

    def on_epoch_end(self, trial, model, epoch, logs=None):
        self._signals.check()
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
        if result is None or self.oracle.objective.name not in result:
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
                trial_folder = f"trial{files.number_of(trial.trial_id)}"
                callback.directory = (
                    Path(callback.directory)
                    / trial_folder
                    / f"execution{self._execution + 1}"
                )
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
        arrays = {name: as_numbers(value) for name, value in metrics.items()}
        known = {
            name: array.item()
            for name, array in arrays.items()
            if array is not None and array.size == 1
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

    def _try_run_and_update_trial(self, trial, *fit_args, **fit_kwargs):
        try:
            private.run_trial(self, trial, *fit_args, **fit_kwargs)
        except Exception as error:
            # Code that takes an interruption for a failure raises another error.
            self._signals.check()
            if isinstance(error, errors.FatalError | WriteError):
                raise
            if _is_exhausted(error):
                number = files.number_of(trial.trial_id)
                raise WriteError(
                    f"Trial {number} cannot go on for lack of space or of file "
                    f"descriptors ({_sentence(error)}). It has not failed: the same "
                    "lines, run again, go on with it."
                ) from error
            is_final = isinstance(error, errors.FailedTrialError)
            trial.status = "FAILED" if is_final else "INVALID"
            # What is no text, such as half a surrogate pair, nobody could print.
            message = f"{_sentence(error)}\n\n{traceback.format_exc()}"
            trial.message = message.encode(errors="backslashreplace").decode()
        else:
            trial.status, trial.message = "COMPLETED", None

    def on_trial_end(self, trial):
        if trial.status != "COMPLETED":
            # KerasTuner's protocol has no place for it.
            write_message(self.get_trial_dir(trial.trial_id), trial.message)
        super().on_trial_end(trial)

    def load_model(self, trial):
        path = private.checkpoint_file(self, trial.trial_id)
        with warnings.catch_warnings():
            # The checkpoint has the variables of an optimizer too, which the new model
            # has not built.
            warnings.filterwarnings("ignore", "Skipping variable loading for optim")
            try:
                return super().load_model(trial)
            except (OSError, KeyError, ValueError) as error:
                number = files.number_of(trial.trial_id)
                raise ValueError(
                    f"The best weights of trial {number} cannot be read from "
                    f"{path}: {_sentence(error)}. Train them again, with the trial's "
                    "hyperparameters."
                ) from error


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
        is_best = not has_value or self._is_best(self.objective.get_value(logs))
        # The best may be lost, when a trial goes on.
        if is_best or not Path(self.path).exists():
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
        paths = [path for path in (self.path, self.previous_path) if path.exists()]
        damage = [error for error in map(_damage, paths) if error is not None]
        if paths and len(damage) == len(paths):
            warn(f"{damage[0]}. This fit begins anew.")
            for path in paths:
                path.unlink()
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch, logs=None):
        if self._fitting:
            super().on_epoch_end(epoch, logs)


def _damage(path):
    """Why a checkpoint cannot be read, or `None` if it can."""
    try:
        checkpoint.read(path)
    except checkpoint.DamagedError as error:
        return error
    return None


def _check_arguments(
    directory=None,
    project_name=None,
    overwrite=False,
    executions_per_trial=1,
    max_model_size=None,
    tuner_id=None,
    **others,
):
    """Raises a `ValueError` if an argument of KerasTuner is not as described."""
    for name, value, kinds in (
        ("directory", directory, str | os.PathLike | None),
        ("project_name", project_name, str | None),
        ("tuner_id", tuner_id, str | None),
    ):
        if not isinstance(value, kinds):
            path = " or a path" if name == "directory" else ""
            raise ValueError(
                f"`{name}` must be a string{path}, or None. Received: {name}={value!r}"
            )
    check_boolean("overwrite", overwrite)
    check_integer("executions_per_trial", executions_per_trial, "[1, inf)")
    check_optional(check_integer, "max_model_size", max_model_size, "[1, inf)")


def _check_free(directory, project_name):
    """Raises a `ValueError` if somebody is searching in a folder."""
    # Their defaults are those of KerasTuner.
    folder = Path(directory or ".") / (project_name or "untitled_project")
    if folder.is_dir():
        with hold(folder, "searching"):
            pass


def _is_exhausted(error):
    """Whether an error comes of a machine that is short of what no trial needs more of.

    So it is of space on a disk, and of file descriptors.
    """
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return any(isinstance(e, OSError) and e.errno in _EXHAUSTED for e in chain)


_EXHAUSTED = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE)


def _sentence(error):
    """An error in one line, without what Keras wraps around that of a layer."""
    try:
        text = str(error)
    except Exception:
        return type(error).__name__
    text = re.sub(r"\x1b\[\d*m", "", text)
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
