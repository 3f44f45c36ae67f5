"""Chrono initialization."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops
from numpy.typing import DTypeLike

from kdl.checks import check_integer, check_number, check_seed_or_generator
from kdl.initializers.lstm_bias import lstm_bias
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Chrono(keras.initializers.RandomUniform):
    """Draws the bias of an LSTM so that it remembers over up to `max_timescale` steps.

    A unit whose forget gate stands at `sigmoid(b)` forgets within about `1 + exp(b)`
    steps. Chrono spreads these times evenly over the range, and opens the input gate
    by what the forget gate leaves, so that a long memory takes in little at a time:

        forget gate   b = log(u),   u from U(1, max_timescale - 1)
        input gate    -b
        cell, output  0

    Keras's `unit_forget_bias=True` gives every unit a bias of one, that is, a memory
    of 3.7 steps. It would overwrite that of Chrono, hence has to be turned off.

    Args:
        units: Integer in `[1, inf)`. That of the LSTM.
        max_timescale: Float in `(2, inf)`. Length of the longest dependencies to
            expect, in time steps, such as that of the sequences.
        seed: Optional integer or `keras.random.SeedGenerator`. Makes the values
            reproducible on a given backend. Defaults to `None`.

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
    ...     bias_initializer=kdl.initializers.Chrono(units=8, max_timescale=100),
    ... )
    >>> outputs = layer(keras.ops.ones((1, 100, 4)))

    References:
        - [Tallec and Ollivier, 2018](https://arxiv.org/abs/1804.11188)
    """

    def __init__(
        self,
        units: int,
        max_timescale: float,
        seed: int | keras.random.SeedGenerator | None = None,
    ) -> None:
        self.units = check_integer("units", units, "[1, inf)")
        self.max_timescale = check_number("max_timescale", max_timescale, "(2, inf)")
        seed = check_seed_or_generator("seed", seed)
        super().__init__(1.0, self.max_timescale - 1, seed)

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
        return lstm_bias(shape, dtype, self.units, self._gates)

    def _gates(self):
        forget = ops.log(super().__call__((self.units,), dtype="float32"))
        return -forget, forget

    def get_config(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "max_timescale": self.max_timescale,
            "seed": super().get_config()["seed"],
        }
