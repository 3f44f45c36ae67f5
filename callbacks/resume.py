"""Going on with a fit that was killed."""

import copy
from pathlib import Path

import keras

from kdl.callbacks import checkpoint
from kdl.callbacks.copies import copy_but
from kdl.callbacks.states import (
    check_built,
    random_states,
    set_random_states,
    variables_of,
)
from kdl.checks import check_boolean, check_integer


class Resume(keras.callbacks.Callback):
    """Takes up a fit that was killed, exactly where it was last saved.

    The same script, run again, goes on from the checkpoint in `directory`, and ends
    with the weights, bit by bit, and the history of a fit that was never interrupted.
    A checkpoint holds

    - the variables of the model, with the count of its `kdl.layers.Clock` and the
      random state of its layers, and those of optimizer and metrics;
    - epoch and batch, from which `data` draws what it would have drawn;
    - what the callbacks have in mind, and the history.

    Keras's `BackupAndRestore` saves neither random states nor callbacks, and begins an
    epoch again that it has trained a part of: with `save_freq=1`, a fit of 24 updates
    that is killed makes 28.

    To be exact, the rest has to be a function of the position, too: give `fit` a
    `kdl.data.Batches` and `shuffle=False`, or arrays and `shuffle=False`. Put this
    callback last, so that it saves what the others have done. In the middle of an
    epoch, the batches that were trained are passed over; the first of them alone is
    trained, since Keras makes some of its variables in a first step, and what it
    changed is put back.

    Args:
        directory: String or `Path` of a folder for the checkpoint, made if need be.
            One folder belongs to one fit.
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
        ValueError: If an argument is not as described, or if the checkpoint cannot be
            read or is of another model, optimizer or number of batches.

    Example:

    >>> batches = kdl.data.Batches(x, y, batch_size=64)
    >>> resume = kdl.callbacks.Resume(folder / "checkpoint", batches, save_freq=2)
    >>> history = model.fit(batches, shuffle=False, epochs=3, callbacks=[resume])
    """

    def __init__(
        self,
        directory,
        data=None,
        callbacks=(),
        save_freq="epoch",
        delete_checkpoint=True,
    ):
        super().__init__()
        self.directory = directory
        self.data = _check_data(data)
        self.callbacks = _check_callbacks(callbacks)
        if save_freq != "epoch":
            check_integer("save_freq", save_freq, "[1, inf)")
        self.save_freq = save_freq
        self.delete_checkpoint = check_boolean("delete_checkpoint", delete_checkpoint)

    @property
    def path(self):
        """`Path` of the checkpoint."""
        return Path(self.directory) / "checkpoint.npz"

    def cover(self, data, callbacks):
        """Tells of what is made where the fit begins, such as in a `HyperModel`.

        A tuner cannot know what `fit` of its hypermodel will train on and remember.

        Args:
            data: As of the constructor.
            callbacks: As of the constructor; they come on top of those it has.
        """
        self.data = _check_data(data)
        self.callbacks = [*_check_callbacks(callbacks), *self.callbacks]

    def on_train_begin(self, logs=None):
        self._last = 0  # The batch of this epoch before which it was last saved.
        self._saved = None  # What is to be restored yet.
        if not self.path.exists():
            return
        values, notes = checkpoint.read(self.path)
        model, problem = self.model, self._problem(notes)
        check_built(model)
        try:
            if problem:
                raise ValueError(problem)
            self._restore(values, notes, metrics=False)
        except ValueError as error:
            raise ValueError(
                f"{self.path} is of another fit: {error}. Delete it to begin anew."
            ) from None
        if self.data is not None:
            self.data.begin_at(notes["epoch"])
        self._saved = values, notes
        # Where Keras's own callback leaves it, for the loop that begins now.
        self._before = model._initial_epoch
        done = notes["stopped"] and not notes["batch"]
        model._initial_epoch = self.params["epochs"] if done else notes["epoch"]

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._last = epoch, 0
        self._settle()

    def on_train_batch_begin(self, batch, logs=None):
        if self._saved is not None:
            self._pass_over(batch)
        elif self.save_freq != "epoch" and batch - self._last >= self.save_freq:
            self._save(self._epoch, batch)

    def on_epoch_end(self, epoch, logs=None):
        if self._saved is not None:
            raise ValueError(
                f"{self.path} is of another fit: it goes on at batch "
                f"{self._saved[1]['batch']}, but the epoch ended before. Delete it to "
                "begin anew."
            )
        self._save(epoch + 1, 0, logs)

    def on_train_end(self, logs=None):
        self._settle()
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)

    def __deepcopy__(self, memo):
        return copy_but(self, self.data, memo)

    def _save(self, epoch, batch, logs=None):
        model, self._last = self.model, batch
        # Between two epochs, Keras resets the metrics.
        metrics = model.metrics_variables if batch else []
        record = model.history
        notes = {
            "epoch": epoch,
            "batch": batch,
            "steps": self.params["steps"],
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
        self.path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write(self.path, [*variables_of(model), *metrics], notes)

    def _problem(self, notes):
        """How a checkpoint differs from this fit, or `None`."""
        kinds = [kind for kind, _ in notes["callbacks"]]
        here = [type(callback).__name__ for callback in self.callbacks]
        if kinds != here:
            return f"its callbacks are {kinds}, where this fit has {here}"
        steps, batch = self.params["steps"], notes["batch"]
        if steps != notes["steps"]:
            return f"its epochs have {notes['steps']} batches, where this has {steps}"
        execution = self.model.steps_per_execution
        if batch % execution:
            return f"it ends at batch {batch}, within steps_per_execution={execution}"
        return None

    def _restore(self, values, notes, metrics=True):
        # JAX writes the live state into the variables before any is set.
        model, count = self.model, len(values) - notes["metrics"]
        variables = variables_of(model)
        if metrics and notes["metrics"]:
            variables += model.metrics_variables
            count = len(values)
        checkpoint.assign(variables, values[:count])
        set_random_states(notes["random"])
        for callback, (_, state) in zip(
            self.callbacks, notes["callbacks"], strict=True
        ):
            # In the middle of an epoch it is set twice, and may be written to.
            callback.set_state(copy.deepcopy(state))

    def _settle(self):
        """Puts back what the loop has read, and has its record begin as saved."""
        if self._saved is None:
            return
        _, notes = self._saved
        model = self.model
        model._initial_epoch = self._before
        model.history.epoch[:] = notes["epochs"]
        model.history.history.update(notes["history"])
        if not notes["batch"]:
            self._saved = None

    def _pass_over(self, batch):
        model, (values, notes) = self.model, self._saved
        if batch == notes["batch"]:
            model.train_function = self._step
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
