"""Averages of weights over epochs."""

import contextlib
import warnings

import keras
import numpy as np
from keras import ops

from kdl.checks import check_integer
from kdl.optimizers.tensors import untaped


class StochasticWeightAveraging(keras.callbacks.Callback):
    """Ends a fit with the mean of the weights after its last epochs.

    From `start_from_epoch` on, after every n-th epoch,

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
            often three quarters of all.
        data: Optional. Inputs of the model for its batch normalization: an array, or
            a list or dict of arrays, of shape `(examples, ...)`; or a
            `keras.utils.PyDataset`, such as the `kdl.data.Batches` that are trained
            on. Defaults to `None`, for models without any.
        every: Integer in `[1, inf)`. Averages each n-th epoch, for cyclical rates
            the length of a cycle. Defaults to `1`.
        batch_size: Integer in `[1, inf)`. That of arrays in `data`. Defaults to `32`.

    Attributes:
        count: Integer. Number of epochs in the mean.

    Raises:
        ValueError: If an argument is outside its interval, if the fit ends before
            `start_from_epoch`, or if the model has batch normalization and there are
            no `data`.

    Example:

    >>> averaging = kdl.callbacks.StochasticWeightAveraging(start_from_epoch=2, data=x)
    >>> history = model.fit(x, y, epochs=4, callbacks=[averaging])

    References:
        - [Izmailov et al., 2018](https://arxiv.org/abs/1803.05407)
    """

    def __init__(self, start_from_epoch, data=None, every=1, batch_size=32):
        super().__init__()
        self.start_from_epoch = check_integer(
            "start_from_epoch", start_from_epoch, "[0, inf)"
        )
        self.data = _check_data(data)
        self.every = check_integer("every", every, "[1, inf)")
        self.batch_size = check_integer("batch_size", batch_size, "[1, inf)")
        self.count, self._means = 0, []

    def on_train_begin(self, logs=None):
        self.count, self._means = 0, []
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

    def on_epoch_end(self, epoch, logs=None):
        if (
            epoch < self.start_from_epoch
            or (epoch - self.start_from_epoch) % self.every
        ):
            return
        self.count += 1
        weights = map(ops.convert_to_numpy, self.model.trainable_variables)
        if self.count == 1:
            self._means = [np.array(weight, "float32") for weight in weights]
            return
        for mean, weight in zip(self._means, weights, strict=True):
            mean += (weight - mean) / self.count

    def on_train_end(self, logs=None):
        if not self.count:
            warnings.warn(
                "StochasticWeightAveraging has nothing to average: the fit ended "
                f"before start_from_epoch={self.start_from_epoch}.",
                stacklevel=2,
            )
            return
        model = self.model
        for variable, mean in zip(model.trainable_variables, self._means, strict=True):
            variable.assign(mean)
        if layers := _batch_normalizations(model):
            _renew(model, layers, _batches(self.data, self.batch_size))

    def get_state(self):
        """Returns the mean so far, for `kdl.callbacks.Resume`."""
        return {"count": self.count, "means": list(self._means)}

    def set_state(self, state):
        """Goes on from what `get_state` returned."""
        self.count = state["count"]
        self._means = [np.array(mean) for mean in state["means"]]


def _check_data(data):
    if data is None or isinstance(data, keras.utils.PyDataset):
        return data
    shapes = [np.shape(x) for x in keras.tree.flatten(data)]
    if not shapes or () in shapes or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(
            "`data` must be an array, a list or dict of arrays of as many examples, a "
            f"keras.utils.PyDataset, or None. Received: {type(data).__name__}"
        )
    return data


def _batch_normalizations(model):
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


def _batches(data, batch_size):
    """Yields the inputs of a model, batch by batch."""
    if isinstance(data, keras.utils.PyDataset):
        for index in range(data.num_batches):
            batch = data[index]
            yield batch[0] if isinstance(batch, tuple) else batch
        return
    count = len(keras.tree.flatten(data)[0])
    for start in range(0, count, batch_size):
        part = slice(start, start + batch_size)
        yield keras.tree.map_structure(lambda x, part=part: x[part], data)


def _renew(model, layers, batches):
    """Makes the moving averages of layers the mean over batches."""
    averages = [v for layer in layers for v in layer.non_trainable_variables]
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


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
