"""The bias of an LSTM."""

import keras
from keras import ops


def lstm_bias(shape, dtype, units, gates):
    """Returns the bias of an LSTM whose cell and output gate are zero.

    Args:
        shape: Shape that a layer asks for.
        dtype: Dtype that it asks for, or `None`.
        units: Integer. Number of units of the LSTM.
        gates: Function without arguments. Returns the biases of the input gate and of
            the forget gate, each of shape `(units,)`.

    Raises:
        ValueError: If `shape` is not that of the whole bias.
    """
    if tuple(shape) != (4 * units,):
        raise ValueError(
            f"`shape` must be {(4 * units,)}, that of the bias of an LSTM of "
            f"{units} units with `unit_forget_bias=False`. With `True`, the default, "
            "Keras asks for parts of it, and sets the forget gate itself. "
            f"Received: shape={tuple(shape)}"
        )
    # The order in which Keras holds the gates: input, forget, cell, output.
    bias = ops.concatenate([*gates(), ops.zeros((2 * units,))])
    return ops.cast(bias, dtype or keras.config.floatx())
