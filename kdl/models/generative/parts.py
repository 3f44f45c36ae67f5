"""What generative models check alike."""

import keras
from keras import ops


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
