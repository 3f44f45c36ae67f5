"""Bias of the forget gate."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops
from numpy.typing import DTypeLike

from kdl.checks import check_integer, check_number
from kdl.initializers.lstm_bias import lstm_bias
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class ForgetGateBias(keras.initializers.Initializer):
    """Sets the bias of the forget gate of an LSTM, and all others to zero.

    A unit whose forget gate stands at `sigmoid(b)` forgets within about `1 + exp(b)`
    steps: 2 at a bias of zero, 3.7 at one, 8.4 at two.

    Keras's `unit_forget_bias=True` is `ForgetGateBias(units, value=1.0)`, and knows no
    other value. It would overwrite this one, hence has to be turned off. `Chrono`
    gives each unit a memory of its own.

    Args:
        units: Integer in `[1, inf)`. That of the LSTM.
        value: Float in `(-inf, inf)`. Bias of the forget gate; `1.0` to `2.0` is
            usual. Defaults to `1.0`.

    Call arguments:
        shape: Tuple `(4 * units,)`.
        dtype: Optional dtype. Defaults to `None`, that of Keras.

    Returns:
        Tensor of that shape and dtype.

    Raises:
        ValueError: If an argument is outside its interval, or if a shape is not that
            of the bias of an LSTM with `unit_forget_bias=False`.

    Example:

    >>> layer = keras.layers.LSTM(
    ...     units=8,
    ...     unit_forget_bias=False,
    ...     bias_initializer=kdl.initializers.ForgetGateBias(units=8, value=2.0),
    ... )
    >>> outputs = layer(keras.ops.ones((1, 10, 4)))

    References:
        - [Gers et al., 2000](https://doi.org/10.1162/089976600300015015)
        - [Jozefowicz et al., 2015](https://proceedings.mlr.press/v37/jozefowicz15.html)
    """

    def __init__(self, units: int, value: float = 1.0) -> None:
        self.units = check_integer("units", units, "[1, inf)")
        self.value = check_number("value", value, "(-inf, inf)")

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
        return lstm_bias(shape, dtype, self.units, self._gates)

    def _gates(self):
        return ops.zeros((self.units,)), ops.full((self.units,), self.value)

    def get_config(self) -> dict[str, Any]:
        return {"units": self.units, "value": self.value}
