"""What generative models check, call and average alike."""

import keras
import numpy as np
from keras import ops

from kdl.schedules import now

FIXED = 1234  # Seed of what an evaluation sees, so that losses can be compared.
_AT_ONCE = 256  # Data that are made at once.


def check_network(name, value):
    """Returns a network, provided it has one input and one output of known shapes.

    Args:
        name: String. Name of the argument, as the user wrote it.
        value: Value of the argument: a `keras.Model`, or its config.

    Raises:
        ValueError: If `value` is anything else.
    """
    if isinstance(value, dict) and value:
        value = keras.saving.deserialize_keras_object(value)
    shapes = [getattr(value, f"{side}_shape", None) for side in ("input", "output")]
    is_network = isinstance(value, keras.Model) and all(
        isinstance(shape, tuple) for shape in shapes
    )
    if not is_network:
        raise ValueError(
            f"`{name}` must be a keras.Model of one input and one output of known "
            f"shapes, as of keras.Sequential([keras.Input(shape), ...]). Received: "
            f"{name}={value!r}"
        )
    return value


def call_once(model, *inputs):
    """Calls a model, so that it is built and clocks know it.

    On one example: PyTorch calls a model twice for batches of any size, and a clock in
    it would be called twice in one call.

    Args:
        model: `keras.Model`.
        *inputs: Pairs of the shape of an input, without the batch, and its dtype.
    """
    tensors = [keras.KerasTensor((1, *shape), dtype) for shape, dtype in inputs]
    model(tensors if len(tensors) > 1 else tensors[0])


def check_no_loss(model, what):
    """Refuses a model that was compiled with a loss, since it has one of its own.

    Not in `compile`: Keras passes over one of a model's own when it loads the model.

    Args:
        model: `keras.Model`.
        what: String, what an error calls it, such as `"a diffusion model"`.

    Raises:
        ValueError: If it was.
    """
    if model.loss is not None:
        raise ValueError(
            f"`loss` must be None: {what} has its own. Received: loss={model.loss!r}"
        )


def weighted_mean(values, weight):
    """Returns the mean over the batch of values times the weights of the examples.

    Args:
        values: Tensor of shape `(batch, ...)`.
        weight: Tensor of weights, one for each example, or `None`.
    """
    if weight is not None:
        shape = (-1, *[1] * (len(values.shape) - 1))
        values = values * ops.cast(ops.reshape(weight, shape), values.dtype)
    return ops.mean(values, axis=0)


def check_pair(encoder, decoder, width=1):
    """Refuses networks of which the second does not undo the first.

    Args:
        encoder: `keras.Model`, from data to codes.
        decoder: `keras.Model`, from codes to data.
        width: Integer. How many numbers the encoder returns for one of the decoder.

    Raises:
        ValueError: If the shapes do not agree.
    """
    data, coded = encoder.input_shape[1:], encoder.output_shape[1:]
    wanted, made = decoder.input_shape[1:], decoder.output_shape[1:]
    if made != data:
        raise ValueError(
            f"`decoder` must return data of shape {data}, as `encoder` takes. "
            f"Received: a decoder that returns {made}"
        )
    if coded != (*wanted[:-1], width * wanted[-1]):
        times = "" if width == 1 else f"{width} times on the last axis, "
        raise ValueError(
            f"`encoder` must return codes of the shape that `decoder` takes, "
            f"{times}{(*wanted[:-1], width * wanted[-1])}. Received: an encoder that "
            f"returns {coded}"
        )


def check_labels(labels, count, classes):
    """Returns labels of data to be made, integers of shape `(count, 1)`.

    Args:
        labels: What the user gave, which is not `None`.
        count: Integer. How many data are made.
        classes: Integer. Number of the classes, or `None` if the model has none.

    Raises:
        ValueError: If the model has no classes, or if `labels` are no integers of them.
    """
    if classes is None:
        raise ValueError(
            "`labels` must be None: the model was made without `classes`. Received: "
            f"labels={labels!r}"
        )
    found = np.asarray(labels)
    if (
        found.shape != (count,)
        or found.dtype.kind not in "iu"
        or found.min() < 0
        or found.max() >= classes
    ):
        raise ValueError(
            f"`labels` must be {count} integers from 0 to {classes - 1}. Received: "
            f"labels={labels!r}"
        )
    return found.reshape(-1, 1).astype("int32")


def made_from(model, inputs):
    """Returns what a model makes of inputs, some at once.

    `predict` does that, too. For a few batches, it takes a third of the time on
    TensorFlow to prepare them.

    Args:
        model: `keras.Model`.
        inputs: List of arrays of one length.

    Returns:
        Array.
    """
    parts = []
    for start in range(0, len(inputs[0]), _AT_ONCE):
        some = [part[start : start + _AT_ONCE] for part in inputs]
        parts.append(model.predict_on_batch(some if len(some) > 1 else some[0]))
    return np.concatenate(parts)


def twin_of(network):
    """Returns a network that holds moving averages of the weights of another one."""
    twin = keras.models.clone_model(network)
    twin.set_weights(network.get_weights())
    twin.trainable = False
    return twin


def average(twin, network, decay, clock):
    """Moves averages of weights on by a training step.

    Args:
        twin: What `twin_of` returned.
        network: `keras.Model` of the weights.
        decay: Float or schedule, as of `kdl.schedules.number`.
        clock: `kdl.layers.Clock` that has counted the step.
    """
    count = ops.cast(clock.batches, "float32")
    # Of the first steps, an average over few.
    decay = ops.minimum(ops.cast(now(decay, True), "float32"), count / (count + 9))
    for mean, weight in zip(twin.weights, network.weights, strict=True):
        if keras.backend.is_float_dtype(mean.dtype):
            share = ops.cast(decay, mean.dtype)
            mean.assign(share * mean + (1 - share) * weight)
