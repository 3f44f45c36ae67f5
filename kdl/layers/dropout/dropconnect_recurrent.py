"""DropConnect of recurrent kernels."""

import contextlib
from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_seed
from kdl.layers.dropout.dropout import drop
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


class _RecurrentDropConnect:
    """Runs the loop of Keras's layer on a recurrent kernel with entries dropped."""

    def __init__(
        self, units: int, rate: FloatOrSchedule, seed: int | None = None, **kwargs: Any
    ) -> None:
        units, seed = (
            check_integer("units", units, "[1, inf)"),
            check_seed("seed", seed),
        )
        super().__init__(units, seed=seed, **kwargs)
        self.rate = number("rate", rate, "[0, 1)")
        self.seed = seed
        # Where it may use cuDNN, `Bidirectional` takes the kernels of both its layers
        # as they are and leaves their loops out. So only the loop says that it may.
        self._use_cudnn, self.use_cudnn = self.use_cudnn, False

    def inner_loop(
        self,
        sequences: Tensor,
        initial_state: Tensor,
        mask: Tensor,
        training: bool | None = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        rate = now(self.rate, training)
        scope = self._scope(rate) if training else contextlib.nullcontext()
        self.use_cudnn = self._use_cudnn
        try:
            with scope:
                return super().inner_loop(sequences, initial_state, mask, training)
        finally:
            self.use_cudnn = False

    def _scope(self, rate):
        """A scope in which Keras reads the recurrent kernel with entries dropped."""
        cell = self.cell
        kernel = ops.cast(cell.recurrent_kernel, cell.compute_dtype)
        # By the generator of Keras's dropout: a second one of the same seed would draw
        # the same numbers.
        kernel = drop(kernel, rate, cell.seed_generator)
        # JAX has no value for a weight that the scope leaves out.
        values = [(weight, weight.value) for weight in cell.weights]
        return keras.StatelessScope([*values, (cell.recurrent_kernel, kernel)])

    def get_config(self) -> dict[str, Any]:
        rate = keras.saving.serialize_keras_object(self.rate)
        return {**super().get_config(), "rate": rate, "use_cudnn": self._use_cudnn}


@keras.saving.register_keras_serializable(package="kdl")
class DropConnectLSTM(_RecurrentDropConnect, keras.layers.LSTM):
    """An `LSTM` layer that drops recurrent connections in training.

    Each training call sets every entry of the recurrent kernel to zero with
    probability `rate` and divides the rest by `1 - rate`, so that the kernel keeps its
    expected value. The mask is that of the call: all steps and all examples share it.
    Inference uses the kernel as it is.

    It is the weight-dropped LSTM of AWD-LSTM. The `recurrent_dropout` of Keras's layer
    drops the state, other units for each example, and goes through the slow loop on
    every backend. As here only the kernel differs, cuDNN runs the layer where it runs
    Keras's, but for one in `keras.layers.Bidirectional`, whose layers run in turn.

    Args:
        units: Positive integer. Dimension of the output space.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a recurrent
            connection is dropped. The paper uses 0.5 for language models.
        seed: Optional integer. Makes the sequence of masks, and of those of `dropout`,
            reproducible on a given backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.LSTM`, such as `return_sequences`.

    Call arguments:
        sequences: Float tensor of shape `(batch, steps, features)`.
        initial_state: Optional list of two float tensors of shape `(batch, units)`.
            Defaults to `None`, the state of a `stateful` layer, or else zeros.
        mask: Optional boolean tensor of shape `(batch, steps)`. False where a step is
            to be skipped. Defaults to `None`.
        training: Boolean. Whether to drop connections. Defaults to `False`.

    Returns:
        What `keras.layers.LSTM` returns: a tensor of shape `(batch, units)`, or
        `(batch, steps, units)` with `return_sequences`, and of the layer's compute
        dtype; with `return_state` the two states as well.

    Raises:
        ValueError: If `rate` is outside its interval.

    Example:

    >>> layer = kdl.layers.DropConnectLSTM(8, rate=0.5, return_sequences=True)
    >>> outputs = layer(keras.ops.ones((2, 10, 4)), training=True)

    References:
        - [Merity et al., 2017](https://arxiv.org/abs/1708.02182)
        - [Wan et al., 2013](https://proceedings.mlr.press/v28/wan13.html)
    """


@keras.saving.register_keras_serializable(package="kdl")
class DropConnectGRU(_RecurrentDropConnect, keras.layers.GRU):
    """A `GRU` layer that drops recurrent connections in training.

    Each training call sets every entry of the recurrent kernel to zero with
    probability `rate` and divides the rest by `1 - rate`, as `DropConnectLSTM` does,
    where it is said why. The mask is that of the call: all steps and all examples share
    it. The recurrent bias is never dropped. Inference uses the kernel as it is.

    The paper has it for the LSTM; a GRU has its recurrent kernel in the same place.

    Args:
        units: Positive integer. Dimension of the output space.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a recurrent
            connection is dropped. 0.2 to 0.5.
        seed: Optional integer. Makes the sequence of masks, and of those of `dropout`,
            reproducible on a given backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.GRU`, such as `return_sequences`.

    Call arguments:
        sequences: Float tensor of shape `(batch, steps, features)`.
        initial_state: Optional list of a float tensor of shape `(batch, units)`.
            Defaults to `None`, the state of a `stateful` layer, or else zeros.
        mask: Optional boolean tensor of shape `(batch, steps)`. False where a step is
            to be skipped. Defaults to `None`.
        training: Boolean. Whether to drop connections. Defaults to `False`.

    Returns:
        What `keras.layers.GRU` returns: a tensor of shape `(batch, units)`, or
        `(batch, steps, units)` with `return_sequences`, and of the layer's compute
        dtype; with `return_state` the state as well.

    Raises:
        ValueError: If `rate` is outside its interval.

    Example:

    >>> layer = kdl.layers.DropConnectGRU(8, rate=0.5)
    >>> outputs = layer(keras.ops.ones((2, 10, 4)), training=True)

    References:
        - [Merity et al., 2017](https://arxiv.org/abs/1708.02182)
    """
