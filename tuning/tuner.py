"""A tuner of KerasTuner that survives being killed."""

import contextlib
import inspect
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
from keras_tuner import errors
from keras_tuner.engine import trial as trials
from numpy.typing import ArrayLike

from kdl import notebook, private
from kdl.callbacks import TensorBoardLogger
from kdl.callbacks.monitoring import as_numbers
from kdl.checks import check_boolean
from kdl.files import WriteError, sweep, write_json
from kdl.seeds import FIT, integer
from kdl.tuning.arguments import check_hypermodel, check_tuner_arguments
from kdl.tuning.best_epoch import final
from kdl.tuning.cross_validation import CrossValidation, FoldedData
from kdl.tuning.goals import costs
from kdl.tuning.goals.constraints import broken
from kdl.tuning.goals.goal import goal_of
from kdl.tuning.oracle import DurableOracle
from kdl.tuning.report import END, EPOCH, INFEASIBLE, packed
from kdl.tuning.stop_signals import StopSignals
from kdl.tuning.store import files, initial_space
from kdl.tuning.store.error_file import write_message
from kdl.tuning.store.folder import check_free
from kdl.tuning.store.journal import FILE, Journal
from kdl.tuning.store.warn import warn
from kdl.tuning.trial import failure
from kdl.tuning.trial.best_weights import BestWeights
from kdl.tuning.trial.resumed_execution import ResumedExecution
from kdl.tuning.trials_table import TrialsTable


class InfeasibleError(errors.FailedTrialError):
    """A trial need not be trained, since its model breaks a constraint."""


class DurableTuner:
    """Mixin for a `keras_tuner.Tuner` with a `DurableOracle`, before it.

    It reports each epoch to the oracle, which may end the trial. A trial that was
    killed goes on after its last epoch. A `TensorBoardLogger` among the callbacks logs
    each trial in a folder of its own, with its hyperparameters. Each execution of a
    trial has a seed of its own for Keras, so that one that is run again is the same. A
    search over another space is refused, which KerasTuner would mix in silence. What a
    model costs is measured before it is trained, where an objective or a constraint
    names it; a model that breaks such a constraint is not trained. The
    first line of a failed trial's message is the error in a sentence; KerasTuner's is a
    traceback. In a notebook, a table of the trials takes the place of what KerasTuner
    and Keras print.
    """

    _table = None  # Of the trials, in a notebook.

    def __init__(
        self,
        oracle: Any,
        *args: Any,
        folds: CrossValidation | int | None = None,
        resume_trials: bool = True,
        **kwargs: Any,
    ) -> None:
        self.resume_trials = check_boolean("resume_trials", resume_trials)
        check_tuner_arguments(**kwargs)
        # A trial of a subclass may be without a model.
        runs_models = type(self).run_trial is DurableTuner.run_trial
        hypermodel = args[0] if args else kwargs.get("hypermodel")
        check_hypermodel(hypermodel, is_optional=not runs_models)
        if folds is not None:
            if kwargs.get("executions_per_trial", 1) != 1:
                raise ValueError(
                    "Give a tuner `folds` or `executions_per_trial`, not both. To "
                    "split several times: folds=CrossValidation(repeats=2)."
                )
            if not isinstance(folds, CrossValidation):
                folds = CrossValidation(folds)
            kwargs["executions_per_trial"] = folds.folds * folds.repeats
        self.folds, self._folded = folds, None
        self._journal, self._signals = None, StopSignals()
        # The trial that is to be measured as its model is built, and its inputs.
        self._measured = None
        self._initial_space = None
        if kwargs.get("overwrite"):
            if private.is_worker(self):
                # What the chief searches in is not a worker's to delete.
                kwargs["overwrite"] = False
            else:
                check_free(kwargs.get("directory"), kwargs.get("project_name"))
        super().__init__(oracle, *args, **kwargs)
        # Once it is known, and beside a worker's stand-in for the oracle, which has
        # none.
        self._seed = oracle.seed

    @property
    def project_dir(self) -> str:
        # KerasTuner makes it anew whenever it is not there.
        is_here = isinstance(self.oracle, DurableOracle)
        return self.oracle._project_dir if is_here else super().project_dir

    def save(self) -> None:
        if not private.is_worker(self):
            self.oracle.save()
        write_json(private.tuner_file(self), self.get_state())

    def _populate_initial_space(self):
        super()._populate_initial_space()
        if self._initial_space is None:
            self._initial_space = initial_space.described(self.oracle.get_space())
            # Without its own file, KerasTuner's begins anew over what is there.
            if (
                not private.is_worker(self)
                and not private.tuner_file(self).exists()
                and files.has_trials(Path(self.project_dir))
            ):
                self.reload()

    def reload(self) -> None:
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

    def get_state(self) -> dict[str, Any]:
        known = {"space": self._initial_space}
        if not private.is_worker(self):
            # Should the oracle's own file be lost.
            known |= self.oracle.identity()
        return {**super().get_state(), **known}

    def set_state(self, state: Mapping[str, Any]) -> None:
        before = state.get("space")
        if before is None:
            before = self._space_of_trials()
        initial_space.check_same(before, self._initial_space, self.project_dir)
        super().set_state(state)

    def _space_of_trials(self):
        # A worker's oracle has none.
        found = [] if private.is_worker(self) else self.oracle.trials.values()
        return initial_space.of_trials(found, self._initial_space)

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
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

    def on_search_begin(self) -> None:
        # KerasTuner first saves when a trial has ended, and without that file
        # begins anew.
        self.save()
        super().on_search_begin()

    def on_search_end(self) -> None:
        super().on_search_end()
        if isinstance(self.oracle, DurableOracle):
            self.tell_unmet()

    def tell_unmet(self) -> None:
        """Warns if no trial has met the constraints."""
        reason = self.oracle.unmet()
        if reason is not None:
            warn(reason)

    def pre_create_trial(self) -> None:
        self._signals.check()
        super().pre_create_trial()

    def search(
        self, *args: Any, groups: ArrayLike | None = None, **kwargs: Any
    ) -> None:
        if self.folds is not None:
            # In the order in which `fit` takes them.
            given = zip(("x", "y", "batch_size", "epochs"), args, strict=False)
            args, kwargs = args[4:], dict(given) | kwargs
            names = ("x", "y", "validation_data", "sample_weight")
            data = {name: kwargs.pop(name, None) for name in names}
            self._folded = FoldedData(self.folds, groups=groups, **data)
        elif groups is not None:
            raise ValueError("`groups` are for folds, and this tuner has no `folds`.")
        with self.exclusively(), self._shown(args, kwargs) as kwargs:
            super().search(*args, **kwargs)

    @contextlib.contextmanager
    def _shown(self, args, kwargs):
        """Shows the trials in a notebook; yields arguments by which fits are silent."""
        if not self._fits_are_silenced(args) or not notebook.takes_over(
            kwargs.get("verbose", "auto")
        ):
            yield kwargs
            return
        epochs = args[3] if len(args) > 3 else getattr(self.hypermodel, "epochs", None)
        self._table = TrialsTable(
            self.project_dir, self.oracle.max_trials, kwargs.get("epochs", epochs)
        )
        try:
            yield {**kwargs, "verbose": 0}
        finally:
            table, self._table = self._table, None
            table.close()

    def _fits_are_silenced(self, args):
        """Whether trials are fits of this process that take `verbose` by name."""
        if (
            type(self).run_trial is not DurableTuner.run_trial
            or not isinstance(self.oracle, DurableOracle)
            or len(args) > 4
        ):
            return False
        parameters = inspect.signature(self.hypermodel.fit).parameters
        kinds = {parameter.kind for parameter in parameters.values()}
        return "verbose" in parameters or inspect.Parameter.VAR_KEYWORD in kinds

    def on_trial_begin(self, trial: trials.Trial) -> None:
        super().on_trial_begin(trial)
        if self._table is not None:
            self._table.begin()

    def run_trial(self, trial: trials.Trial, *args: Any, **kwargs: Any) -> Any:
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
        by_epoch = goal_of(self.oracle.objective).by_epoch
        scores = [] if by_epoch is None else self._entry.scores(by_epoch.name)
        self._checkpoint = BestWeights(by_epoch, path, scores)
        return super().run_trial(trial, *args, **kwargs)

    def on_batch_begin(
        self,
        trial: trials.Trial,
        model: keras.Model,
        batch: int,
        logs: dict[str, Any] | None = None,
    ) -> None:
        self._signals.check()
        super().on_batch_begin(trial, model, batch, logs)

    def on_epoch_end(
        self,
        trial: trials.Trial,
        model: keras.Model,
        epoch: int,
        logs: dict[str, Any] | None = None,
    ) -> None:
        self._signals.check()
        super().on_epoch_end(trial, model, epoch, logs)
        told = self._report(trial, epoch, logs)
        if self._table is not None:
            self._table.end_epoch(epoch, self._execution)
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
            if self._folded is not None:
                kwargs |= self._folded.of(self._execution)
            with self._measuring(trial, args, kwargs) as known:
                results = super()._build_and_fit_model(trial, *args, **kwargs)
            shutil.rmtree(self._checkpoints(trial), ignore_errors=True)
            result, epoch = final(results, self.oracle.objective)
            result |= known
            goal_of(self.oracle.objective).check_reported(result)
            self._report(trial, epoch, result, END)
        self._result = result
        return result

    @contextlib.contextmanager
    def _measuring(self, trial, args, kwargs):
        """Has `_try_build` measure the model; yields a dict to be filled."""
        known = {}
        self._measured = trial, kwargs.get("x", args[0] if args else None), known
        try:
            yield known
        finally:
            self._measured = None

    def _try_build(self, hp):
        model = super()._try_build(hp)
        goal = goal_of(self.oracle.objective)
        if self._measured is None or not goal.costs:
            return model
        trial, x, known = self._measured
        known |= costs.measure(model, goal.costs, x)
        reason = broken(goal.constraints, known)
        # Of several executions, the first one decides.
        if reason is not None and self._execution == 0:
            self._report(trial, 0, known, INFEASIBLE)
            raise InfeasibleError(reason)
        return model

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

    def _report(self, trial, epoch, metrics, event=EPOCH):
        # A callback may have put anything into the logs.
        arrays = {name: as_numbers(value) for name, value in metrics.items()}
        known = {
            name: array.item()
            for name, array in arrays.items()
            if array is not None and array.size == 1
        }
        report = packed(known, self._execution, event)
        return self.oracle.update_trial(trial.trial_id, report, step=epoch)

    def _seed_of(self, trial):
        return integer(self._seed, FIT, int(trial.trial_id), self._execution)

    def _resume(self, trial, callbacks):
        if len(self._entry.curves) <= self._execution:
            # Of an attempt that failed.
            shutil.rmtree(self._checkpoints(trial), ignore_errors=True)
        return ResumedExecution(self._checkpoints(trial), callbacks)

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
            if failure.is_exhausted(error):
                number = files.number_of(trial.trial_id)
                raise WriteError(
                    f"Trial {number} cannot go on for lack of space or of file "
                    f"descriptors ({failure.sentence(error)}). It has not failed: the "
                    "same lines, run again, go on with it."
                ) from error
            is_final = isinstance(error, errors.FailedTrialError)
            trial.status = "FAILED" if is_final else "INVALID"
            is_infeasible = isinstance(error, InfeasibleError)
            trial.message = str(error) if is_infeasible else failure.message(error)
        else:
            trial.status, trial.message = "COMPLETED", None

    def on_trial_end(self, trial: trials.Trial) -> None:
        if trial.status != "COMPLETED":
            # KerasTuner's protocol has no place for it.
            write_message(self.get_trial_dir(trial.trial_id), trial.message)
        super().on_trial_end(trial)
        if self._table is not None:
            self._table.end()

    def load_model(self, trial: trials.Trial) -> keras.Model:
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
                    f"The best weights of trial {number} cannot be read from {path}: "
                    f"{failure.sentence(error)}. Train them again, with the trial's "
                    "hyperparameters."
                ) from error
