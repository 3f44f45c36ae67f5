"""Going on with a fit that was killed."""

import contextlib
import copy
import reprlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

import keras
import numpy as np

from kdl.callbacks.arguments import check_path, make_folder
from kdl.callbacks.deep_copies import copy_sharing
from kdl.callbacks.failures import Unwritten
from kdl.callbacks.resuming import checkpoint
from kdl.callbacks.resuming.checkpoint import DamagedError
from kdl.callbacks.training_state import (
    check_built,
    random_states,
    set_random_states,
    variables_of,
)
from kdl.checks import check_boolean, check_integer
from kdl.files import writing
from kdl.parallel.data_parallel import gathered, writes
from kdl.typing import StrPath


class Resume(keras.callbacks.Callback):
    """Takes up a fit that was killed, exactly where it was last saved.

    The same script, run again, goes on from the checkpoint in `directory`, and ends
    with the weights, bit by bit, and the history of a fit that was never interrupted.
    A checkpoint holds

    - the variables of the model, with the count of its `kdl.layers.Clock` and the
      random state of its layers, and those of optimizer and metrics;
    - epoch and batch, from which `data` draws what it would have drawn, and a digest of
      the names of inputs on disk: a folder that has changed is another fit;
    - what the callbacks have in mind, and the history.

    The checkpoint before the last stays beside it, as `previous.npz`. If the last one
    is damaged or gone, the fit goes on from there, with a warning. A checkpoint that
    cannot be written, for a disk that is full, is a warning too: the training goes on,
    and the last checkpoint stays.

    Keras's `BackupAndRestore` saves neither random states nor callbacks, and begins an
    epoch again that it has trained a part of: with `save_freq=1`, a fit of 24 updates
    that is killed makes 28.

    To be exact, the rest has to be a function of the position, too: give `fit` a
    `kdl.data.Batches` and `shuffle=False`, or arrays and `shuffle=False`. Put this
    callback last, so that it saves what the others have done. In the middle of an
    epoch, the batches that were trained are passed over; the first of them alone is
    trained, since Keras makes some of its variables in a first step, and what it
    changed is put back. Of inputs on disk, only that first batch is read.

    In a `kdl.parallel.DataParallel`, all processes read the checkpoint, and one writes
    it.

    Args:
        directory: String or `Path` of a folder for the two checkpoints, made if need
            be. One folder belongs to one fit; without it, the fit begins anew.
        data: Optional `kdl.data.Batches` that is trained on, or another
            `keras.utils.PyDataset` with a method `begin_at(epoch)`. Defaults to `None`,
            for data that are the same in every epoch.
        callbacks: List or tuple of the callbacks of the fit that remember something:
            those with `get_state` and `set_state`, such as `ReduceOnPlateau`.
            Defaults to `()`.
        save_freq: `"epoch"`, or an integer in `[1, inf)`: after how many batches to
            save besides. Defaults to `"epoch"`. A checkpoint takes what writing all
            variables takes; on JAX, copying them from the running step besides.
        delete_checkpoint: Boolean. Whether the checkpoint goes once the fit is done.
            If it stays, the same script does nothing, or trains on with more `epochs`.
            Defaults to `True`.

    Raises:
        ValueError: If an argument is not as described, if the folder cannot be made,
            or if no checkpoint can be read, or it is of another backend, model,
            optimizer or number of batches.

    Example:

    >>> batches = kdl.data.Batches(x, y, batch_size=64)
    >>> resume = kdl.callbacks.Resume(folder / "checkpoint", batches, save_freq=2)
    >>> history = model.fit(batches, shuffle=False, epochs=3, callbacks=[resume])
    """

    def __init__(
        self,
        directory: StrPath,
        data: keras.utils.PyDataset | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        save_freq: int | Literal["epoch"] = "epoch",
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        self.directory = check_path("directory", directory)
        self.data = _check_data(data)
        self.callbacks = _check_callbacks(callbacks)
        self.save_freq = _check_save_freq(save_freq)
        self.delete_checkpoint = check_boolean("delete_checkpoint", delete_checkpoint)

    @property
    def path(self) -> Path:
        """`Path` of the checkpoint."""
        return Path(self.directory) / "checkpoint.npz"

    @property
    def previous_path(self) -> Path:
        """`Path` of the checkpoint before."""
        return Path(self.directory) / "previous.npz"

    def cover(
        self, data: keras.utils.PyDataset, callbacks: Sequence[keras.callbacks.Callback]
    ) -> None:
        """Tells of what is made where the fit begins, such as in a `HyperModel`.

        A tuner cannot know what `fit` of its hypermodel will train on and remember.

        Args:
            data: As of the constructor.
            callbacks: As of the constructor; they come on top of those it has.
        """
        self.data = _check_data(data)
        self.callbacks = [*_check_callbacks(callbacks), *self.callbacks]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._last = 0  # The batch of this epoch before which it was last saved.
        self._saved = None  # What is to be restored yet.
        self._unwritten = Unwritten("Resume")
        make_folder(self.directory)
        paths = [path for path in (self.path, self.previous_path) if path.exists()]
        damage = [] if self.path in paths else [f"There is no {self.path}"]
        # Taken up in part, they are no longer as a fit begins. Those of users may
        # have states of any type, and change it.
        fresh = [
            callback.get_state()
            if type(callback).__module__.startswith("kdl.")
            else None
            for callback in self.callbacks
            if paths
        ]
        for path in paths:
            try:
                self._take_up(path, fresh)
            except DamagedError as error:
                damage.append(str(error))
                continue
            if damage:
                warnings.warn(
                    f"{damage[0]}. The fit goes on from the checkpoint before, {path}.",
                    stacklevel=2,
                )
            return
        if paths:
            raise ValueError(
                f"{'; '.join(damage)}. Delete {' and '.join(map(str, paths))} to begin "
                "the fit anew."
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch, self._last = epoch, 0
        self._settle()

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self._saved is not None:
            self._pass_over(batch)
        elif self.save_freq != "epoch" and batch - self._last >= self.save_freq:
            self._save(self._epoch, batch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._saved is not None:
            _, notes, path = self._saved
            with _naming(path):
                batch = notes["batch"]
                raise ValueError(
                    f"it goes on at batch {batch}, but the epoch ended before"
                )
        self._save(epoch + 1, 0, logs)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._settle()
        if self.delete_checkpoint and writes():
            # In this order, a kill in between leaves the one that knows the end.
            for path in (self.previous_path, self.path):
                with self._unwritten(), writing(path):
                    path.unlink(missing_ok=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy_sharing(self, self.data, memo)

    def _save(self, epoch, batch, logs=None):
        model, self._last = self.model, batch
        # Between two epochs, Keras resets the metrics.
        metrics = model.metrics_variables if batch else []
        record = model.history
        notes = {
            "backend": keras.backend.backend(),
            "epoch": epoch,
            "batch": batch,
            "steps": self.params["steps"],
            "data": self._digest(),
            "stopped": bool(model.stop_training),
            "epochs": list(record.epoch),
            "history": {name: list(values) for name, values in record.history.items()},
            "metrics": len(metrics),
            "random": random_states(),
            "callbacks": [
                [type(callback).__name__, callback.get_state()]
                for callback in self.callbacks
            ],
        }
        if logs is not None:
            # Keras's own record comes after all callbacks.
            notes["epochs"].append(epoch - 1)
            for name, value in logs.items():
                notes["history"].setdefault(name, []).append(value)
        variables = [*variables_of(model), *metrics]
        with gathered(model), self._unwritten():
            if writes():
                with writing(self.path):
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                checkpoint.write(self.path, self.previous_path, variables, notes)

    def _take_up(self, path, fresh):
        """Begins with what a checkpoint holds.

        Args:
            path: `Path` of the checkpoint.
            fresh: List of the states of the callbacks as a fit begins, or of `None`
                where there is nothing to compare a state with.

        Raises:
            DamagedError: If it holds what no fit has written.
            ValueError: If it is of another fit.
        """
        values, notes = checkpoint.read(path)
        model = self.model
        check_built(model)
        with _naming(path):
            if flaw := _flaw(notes, len(values), self.params["epochs"]):
                raise DamagedError(flaw)
            if problem := self._problem(notes):
                raise ValueError(problem)
            for begun, (kind, state) in zip(fresh, notes["callbacks"], strict=True):
                if begun is not None:
                    with _restoring(f"the state of {kind}"):
                        _compare("its state", state, begun)
            self._restore(values, notes, metrics=False)
        if self.data is not None:
            self.data.begin_at(notes["epoch"])
            if hasattr(self.data, "pass_over"):
                self.data.pass_over(notes["batch"])
        self._saved = values, notes, path
        # Where Keras's own callback leaves it, for the loop that begins now.
        self._before = model._initial_epoch
        done = notes["stopped"] and not notes["batch"]
        model._initial_epoch = self.params["epochs"] if done else notes["epoch"]

    def _problem(self, notes):
        """How a checkpoint differs from this fit, or `None`."""
        if notes["backend"] != keras.backend.backend():
            return f"it is of the backend {notes['backend']!r}"
        kinds = [kind for kind, _ in notes["callbacks"]]
        here = [type(callback).__name__ for callback in self.callbacks]
        if kinds != here:
            return f"its callbacks are {kinds}, where this fit has {here}"
        steps, batch = self.params["steps"], notes["batch"]
        if steps != notes["steps"]:
            return f"its epochs have {notes['steps']} batches, where this has {steps}"
        if self._digest() != notes["data"]:
            return "the files it trained on are others, or in another order, than here"
        execution = self.model.steps_per_execution
        if batch % execution:
            return f"it ends at batch {batch}, within steps_per_execution={execution}"
        return None

    def _digest(self):
        """What tells the files of the data from others, `None` without any."""
        return getattr(self.data, "digest", None)

    def _restore(self, values, notes, metrics=True):
        # JAX writes the live state into the variables before any is set.
        model, count = self.model, len(values) - notes["metrics"]
        variables = variables_of(model)
        if metrics and notes["metrics"]:
            variables += model.metrics_variables
            count = len(values)
        checkpoint.assign(variables, values[:count])
        if not writes():
            # They are those of all processes, of which the one that writes goes on.
            model.reset_metrics()
        with _restoring("the random state"):
            set_random_states(notes["random"])
        for callback, (kind, state) in zip(
            self.callbacks, notes["callbacks"], strict=True
        ):
            with _restoring(f"the state of {kind}"):
                # In the middle of an epoch it is set twice, and may be written to.
                callback.set_state(copy.deepcopy(state))

    def _settle(self):
        """Puts back what the loop has read, and has its record begin as saved."""
        if self._saved is None:
            return
        _, notes, _ = self._saved
        model = self.model
        model._initial_epoch = self._before
        model.history.epoch[:] = notes["epochs"]
        model.history.history.update(notes["history"])
        if not notes["batch"]:
            self._saved = None

    def _pass_over(self, batch):
        model, (values, notes, path) = self.model, self._saved
        if batch == notes["batch"]:
            model.train_function = self._step
            with _naming(path):
                self._restore(values, notes)
            model.stop_training = notes["stopped"]
            self._saved, self._last = None, batch
        elif not batch:
            self._step = model.train_function
            model.train_function = _once(model)


def _once(model):
    """A training step that trains the first time, and then only takes its data.

    Args:
        model: Compiled `keras.Model`, in `fit`.
    """
    step, record = model.train_function, model.history
    outputs = None

    def train(*arguments):
        nonlocal outputs
        if model.history is not record:
            # Another fit, after one that was interrupted here.
            model.train_function = step
        if outputs is None or model.history is not record:
            outputs = step(*arguments)
            return outputs
        *state, data = arguments
        if hasattr(data, "__next__"):
            # PyTorch alone gives batches instead. With none left, the epoch ends.
            next(data)
            for _ in range(model.steps_per_execution - 1):
                next(data, None)
        # On JAX, the state goes from step to step beside the logs.
        return (outputs[0], *state) if state else outputs

    return train


@contextlib.contextmanager
def _naming(path):
    """Says of what checkpoint an error is, and what to do about it."""
    try:
        yield
    except DamagedError as error:
        raise DamagedError(f"{path} is damaged: {error}") from error.__cause__
    except ValueError as error:
        raise ValueError(
            f"{path} is of another fit: {error}. Delete it to begin anew."
        ) from None


@contextlib.contextmanager
def _restoring(what):
    """Says of what a checkpoint has a damaged state, whatever that leads to."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DamagedError(f"{what} cannot be restored ({reason})") from error


def _flaw(notes, count, epochs):
    """What notes have that no fit has written, as a clause, or `None`.

    Args:
        notes: What was read as the notes of a checkpoint.
        count: Integer. How many values of variables came with them.
        epochs: Integer. Number of epochs of the fit.
    """
    if not isinstance(notes, dict):
        return f"its notes are {reprlib.repr(notes)}"
    for name, kinds in _NOTES.items():
        if name not in notes:
            return f"it has no {name!r}"
        # By type, since `True` is an integer, too.
        if type(notes[name]) not in kinds:
            return f"its {name!r} is {reprlib.repr(notes[name])}"
    epoch, batch, steps = notes["epoch"], notes["batch"], notes["steps"]
    trained = notes["epochs"]
    if (
        trained != list(range(epoch - len(trained), epoch))
        or not all(type(n) is int and n >= 0 for n in [epoch, *trained])
        # Of an epoch that was begun, without any before, this fit is to have one.
        or (not trained and epoch >= epochs)
    ):
        return f"its epoch {epoch} does not follow on {reprlib.repr(trained)}"
    if batch < 0 or (steps is not None and not batch < max(steps, 1)):
        return f"it goes on at batch {batch} of {steps}"
    if not 0 <= notes["metrics"] <= count:
        return f"it has {count} variables, of which {notes['metrics']} of metrics"
    if not all(type(values) is list for values in notes["history"].values()):
        return "its 'history' has values that are no lists"
    if not all(
        isinstance(state, np.ndarray) and state.dtype == "uint8" and state.ndim == 1
        for state in notes["random"]
    ):
        return "its 'random' has states that are no arrays of bytes"
    if not all(
        type(pair) is list and len(pair) == 2 and type(pair[0]) is str
        for pair in notes["callbacks"]
    ):
        return "its 'callbacks' are no pairs of a name and a state"
    return None


# The notes of a checkpoint, and of what types each is.
_NOTES = {
    "backend": (str,),
    "epoch": (int,),
    "batch": (int,),
    "steps": (int, type(None)),
    "data": (str, type(None)),
    "stopped": (bool,),
    "epochs": (list,),
    "history": (dict,),
    "metrics": (int,),
    "random": (list,),
    "callbacks": (list,),
}


def _compare(what, state, fresh):
    """Refuses what no callback of kdl returns as its state.

    It would take that back as it is, and fail, or go wrong, much later.

    Args:
        what: String. What is compared.
        state: What was read of it.
        fresh: What it is as a fit begins.

    Raises:
        KeyError: If a part is missing.
        TypeError: If a part is of another type.
    """
    for kinds in (bool, (int, float, np.number), str, np.ndarray, (list, tuple), dict):
        if isinstance(fresh, kinds):
            if not isinstance(state, kinds) or (
                isinstance(state, bool) and kinds is not bool
            ):
                raise TypeError(f"{what} is {reprlib.repr(state)}")
            break
    if isinstance(fresh, dict):
        for name, value in fresh.items():
            _compare(name, state[name], value)
    elif isinstance(fresh, (list, tuple)) and fresh:
        if len(fresh) != len(state):
            raise TypeError(f"{what} has {len(state)} parts, not {len(fresh)}")
        for one, other in zip(state, fresh, strict=True):
            _compare(what, one, other)


def _check_save_freq(save_freq):
    if isinstance(save_freq, str) and save_freq == "epoch":
        return save_freq
    try:
        return check_integer("save_freq", save_freq, "[1, inf)")
    except ValueError:
        raise ValueError(
            "`save_freq` must be 'epoch' or an integer in [1, inf). "
            f"Received: save_freq={save_freq!r}"
        ) from None


def _check_data(data):
    if data is not None and not callable(getattr(data, "begin_at", None)):
        raise ValueError(
            "`data` must be a kdl.data.Batches, another data set with a method "
            f"`begin_at(epoch)`, or None. Received: data={data!r}"
        )
    return data


def _check_callbacks(callbacks):
    if not isinstance(callbacks, (list, tuple)):
        raise ValueError(
            f"`callbacks` must be a list or tuple. Received: callbacks={callbacks!r}"
        )
    for callback in callbacks:
        if not hasattr(callback, "get_state") or not hasattr(callback, "set_state"):
            raise ValueError(
                "`callbacks` must have `get_state` and `set_state`, as those of kdl "
                "that remember something: the others go into `fit` alone. Received: "
                f"{callback!r}"
            )
    return callbacks
