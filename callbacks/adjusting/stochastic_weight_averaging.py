"""Averages of weights over epochs or updates."""

import contextlib
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

import keras
import numpy as np
from keras import ops

from kdl import private
from kdl.callbacks.arguments import check_path, make_folder
from kdl.callbacks.deep_copies import copy_sharing
from kdl.callbacks.failures import Unwritten
from kdl.callbacks.log_numbers import optimizers_of
from kdl.callbacks.log_values import BatchCount
from kdl.callbacks.monitoring import get_state, set_state
from kdl.callbacks.readable_data import batches_of, check_data
from kdl.checks import check_choice, check_integer, check_optional
from kdl.files import atomic
from kdl.optimizers.tensors import untaped
from kdl.typing import Arrays, StrPath


class StochasticWeightAveraging(keras.callbacks.Callback):
    """Ends a fit with the mean of the weights after its last epochs or updates.

    From `start_from_epoch` on, after every n-th epoch or update,

        mean = mean + (weights - mean) / count

    While the learning rate is large, the weights wander about a wide valley, of
    which their mean is nearer to the middle: it often generalizes better than any of
    them, at the cost of a single training. So the rate is to stay high, constant or in
    cycles, in the epochs that are averaged.

    The moving averages of batch normalization belong to other weights. They are
    reset and become the mean of the statistics of all batches in `data`, weighted by
    their examples, which pass through the model once, as in training, outside of the
    compiled step. Nothing else changes by that, such as a clock or a random state.

    Keras averages as its optimizers update, exponentially: `use_ema=True`. That forgets
    what is long past, and leaves batch normalization as it is.

    Args:
        start_from_epoch: Integer in `[0, inf)`. Index of the first epoch to average,
            often three quarters of all. Defaults to `0`.
        data: Optional. Inputs of the model for its batch normalization: an array, or
            a list or dict of arrays, of shape `(examples, ...)`; or batches as `fit`
            takes them, such as the `kdl.data.Batches` that are trained on, another
            `keras.utils.PyDataset`, a `tf.data.Dataset`, a `DataLoader` or another
            iterable that can be read again, which a generator cannot. Of data without
            an end, it is as many batches as an epoch of the fit has. Defaults to
            `None`, for models without any.
        every: Integer in `[1, inf)`. Averages each n-th epoch, for cyclical rates
            the length of a cycle, or each n-th update. Defaults to `1`.
        batch_size: Integer in `[1, inf)`. That of arrays in `data`. Defaults to `32`.
        by: `"epoch"` or `"update"`. What `every` counts. Under
            `gradient_accumulation_steps`, an update takes so many batches. Keras then
            waits for each batch, and on JAX the state is copied for each update that
            is averaged. Defaults to `"epoch"`.
        start_from_update: Integer in `[0, inf)`. Index of the first update to average,
            with by="update", if that is not before `start_from_epoch`. Defaults to
            `0`.
        path: Optional path of a `.keras` file, in a folder that is made if need be, for
            the model with the mean of the weights. It is written at the end, and after
            each epoch from the first that is averaged on, which takes another pass
            over `data`. Defaults to `None`.

    Attributes:
        count: Integer. Number of epochs or updates in the mean.

    Raises:
        ValueError: If an argument is not as described, if the fit ends before
            `start_from_epoch`, or if the model has batch normalization and there are
            no `data`.
        RuntimeError: If `fit` gets this callback alone, not in a list, and runs it in
            a thread, with by="update".

    Example:

    >>> averaging = kdl.callbacks.StochasticWeightAveraging(start_from_epoch=2, data=x)
    >>> history = model.fit(x, y, epochs=4, callbacks=[averaging])

    References:
        - [Izmailov et al., 2018](https://arxiv.org/abs/1803.05407)
    """

    def __init__(
        self,
        start_from_epoch: int = 0,
        data: Arrays | None = None,
        every: int = 1,
        batch_size: int = 32,
        by: Literal["epoch", "update"] = "epoch",
        start_from_update: int = 0,
        path: StrPath | None = None,
    ) -> None:
        super().__init__()
        self.start_from_epoch = check_integer(
            "start_from_epoch", start_from_epoch, "[0, inf)"
        )
        self.data = check_optional(check_data, "data", data)
        self.every = check_integer("every", every, "[1, inf)")
        self.batch_size = check_integer("batch_size", batch_size, "[1, inf)")
        self.by = check_choice("by", by, ("epoch", "update"))
        self.start_from_update = check_integer(
            "start_from_update", start_from_update, "[0, inf)"
        )
        if self.start_from_update and self.by == "epoch":
            raise ValueError(
                "`start_from_update` must come with by='update'. "
                f"Received: start_from_update={start_from_update}, by='epoch'"
            )
        self.path = check_optional(_check_file, "path", path)
        self.count, self._means = 0, []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.count, self._means, self._epoch = 0, [], 0
        self._unwritten = Unwritten("StochasticWeightAveraging")
        if self.path is not None:
            make_folder(Path(self.path).parent, "path")
        # The batches of an update.
        length = max(
            getattr(optimizer, "gradient_accumulation_steps", None) or 1
            for optimizer in optimizers_of(self.model)
        )
        # The first that is picked is `every` after the start.
        start = self.start_from_update + 1 - self.every
        self._batches = BatchCount(self.every * length, start * length)
        epochs = (self.params or {}).get("epochs")
        if epochs is not None and self.start_from_epoch >= epochs:
            raise ValueError(
                f"`start_from_epoch` must be below {epochs}, the epochs of the fit. "
                f"Received: start_from_epoch={self.start_from_epoch}"
            )
        layers = _batch_normalizations(self.model)
        if layers and self.data is None:
            raise ValueError(
                "`data` must be inputs of the model, by which its batch normalization "
                f"{layers[0].name!r} is to learn the statistics of the averaged "
                "weights. Received: data=None"
            )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    @property
    def on_train_batch_end(self) -> Callable[..., None]:
        # Keras waits for every batch as soon as a callback overrides this hook.
        return self._on_batch if self.by == "update" else super().on_train_batch_end

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches.end_epoch()
        after = epoch - self.start_from_epoch
        if self.by == "epoch" and after >= 0 and after % self.every == 0:
            self._average()
        if self.path is not None and self.count:
            with self._averaged():
                self._save()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if not self.count:
            start = f"start_from_epoch={self.start_from_epoch}"
            if self.by == "update":
                start += f" and start_from_update={self.start_from_update}"
            warnings.warn(
                "StochasticWeightAveraging has nothing to average: the fit ended "
                f"before {start}.",
                stacklevel=2,
            )
            return
        self._assign()
        if self.path is not None:
            self._save()

    def get_state(self) -> dict[str, Any]:
        """Returns the mean so far, for `kdl.callbacks.Resume`."""
        return {
            "count": self.count,
            "means": list(self._means),
            "batches": get_state(self._batches),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self.count = state["count"]
        self._means = [np.array(mean) for mean in state["means"]]
        set_state(self._batches, state["batches"])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy_sharing(self, self.data, memo)

    def _on_batch(self, batch, logs=None):
        self._batches.check_thread()
        picked = self._batches.picks(batch, (self.params or {}).get("steps"))
        if picked and self._epoch >= self.start_from_epoch:
            self._average()

    def _average(self):
        """Takes the weights into the mean."""
        self.count += 1
        # On JAX, reading the model within an epoch brings its state into the variables.
        weights = map(ops.convert_to_numpy, self.model.trainable_variables)
        if self.count == 1:
            self._means = [np.array(weight, "float32") for weight in weights]
            return
        for mean, weight in zip(self._means, weights, strict=True):
            mean += (weight - mean) / self.count

    def _assign(self):
        """Gives the model the mean, and its batch normalization what goes with it."""
        model = self.model
        _assign(model.trainable_variables, self._means)
        if layers := _batch_normalizations(model):
            steps = (self.params or {}).get("steps")
            batches = batches_of("data", self.data, self.batch_size, steps)
            _renew(model, layers, (x for x, *_ in batches))

    @contextlib.contextmanager
    def _averaged(self):
        """Lends the model the mean, and puts back what it had."""
        model = self.model
        variables = [*model.trainable_variables, *_statistics(model)]
        values = [np.array(ops.convert_to_numpy(v)) for v in variables]
        try:
            self._assign()
            yield
        finally:
            _assign(variables, values)

    def _save(self):
        with self._unwritten(), atomic(self.path) as draft:
            self.model.save(draft)


def _check_file(name, value):
    if Path(check_path(name, value)).suffix != ".keras":
        raise ValueError(f"`{name}` must end in '.keras'. Received: {name}={value!r}")
    return value


def _statistics(model):
    """The moving averages of batch normalization."""
    layers = _batch_normalizations(model)
    return [v for layer in layers for v in layer.non_trainable_variables]


def _batch_normalizations(model):
    return [
        layer
        for layer in private.layers_of(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


def _renew(model, layers, batches):
    """Makes the moving averages of layers the mean over batches."""
    averages = _statistics(model)
    others = [
        v for v in model.non_trainable_variables if all(v is not a for a in averages)
    ]
    values = [ops.convert_to_numpy(variable) for variable in others]
    momenta = [layer.momentum for layer in layers]
    with contextlib.ExitStack() as stack:
        stack.enter_context(untaped())
        stack.callback(_assign, others, values)
        for layer, momentum in zip(layers, momenta, strict=True):
            stack.callback(setattr, layer, "momentum", momentum)
        seen = 0
        for inputs in batches:
            count = len(keras.tree.flatten(inputs)[0])
            for layer in layers:
                # How much is kept of the average so far.
                layer.momentum = seen / (seen + count)
            seen += count
            model(
                keras.tree.map_structure(ops.convert_to_tensor, inputs), training=True
            )
        if not seen:
            raise ValueError("`data` must have a batch or more. Received: none")


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
