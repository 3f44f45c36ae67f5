"""LSTM with peepholes."""

import inspect
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_integer, check_part
from kdl.typing import ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor

_PARTS = ("peephole_initializer", "peephole_regularizer", "peephole_constraint")


@keras.saving.register_keras_serializable(package="kdl")
class PeepholeLSTMCell(keras.layers.LSTMCell):
    """An `LSTMCell` whose gates see the cell state, each unit its own.

    With `z_i`, `z_f`, `z_c` and `z_o` as in Keras's cell, linear in the inputs and the
    previous output, and with the cell state `c` before the step,

        i = recurrent_activation(z_i + p_i * c)
        f = recurrent_activation(z_f + p_f * c)
        new_c = f * c + i * activation(z_c)
        o = recurrent_activation(z_o + p_o * new_c)
        outputs = o * activation(new_c)

    in which the peepholes `p_i`, `p_f` and `p_o` are vectors. While an output gate is
    closed, the gates of `keras.layers.LSTMCell` know nothing of the state that they
    guard. With peepholes, a network learns to count steps and to time precisely.

    Some texts let the output gate see `c` as the other two do, which is
    `output_peephole="previous"`. The paper stops errors at the gates; here gradients
    pass through the peepholes, as is usual since.

    Args:
        units: Positive integer. Dimension of the output space.
        output_peephole: `"current"` or `"previous"`. Whether the output gate sees the
            cell state after the step or before it. Defaults to `"current"`.
        peephole_initializer: Name or `keras.initializers.Initializer` of the
            peepholes, a vector of `3 * units`. Defaults to `"zeros"`, with which
            training starts from Keras's cell.
        peephole_regularizer: Optional `keras.regularizers.Regularizer`. Defaults to
            `None`.
        peephole_constraint: Optional `keras.constraints.Constraint`. Defaults to
            `None`.
        **kwargs: Arguments of `keras.layers.LSTMCell`, such as `dropout`.

    Call arguments:
        inputs: Float tensor of shape `(batch, features)`.
        states: List of two float tensors of shape `(batch, units)`: the previous
            output and the cell state.
        training: Boolean. Whether to use `dropout` and `recurrent_dropout`. Defaults
            to `False`.

    Returns:
        Tuple of the outputs, of shape `(batch, units)` and of the cell's compute
        dtype, and of a list of the two new states.

    Raises:
        ValueError: If `output_peephole` is neither of the two.

    Example:

    >>> cells = [kdl.layers.PeepholeLSTMCell(8), kdl.layers.PeepholeLSTMCell(4)]
    >>> layer = keras.layers.RNN(cells)
    >>> outputs = layer(keras.ops.ones((2, 10, 3)))

    References:
        - [Gers and Schmidhuber, 2000](https://doi.org/10.1109/IJCNN.2000.861302)
        - [Gers et al., 2002](https://jmlr.org/papers/v3/gers02a.html)
    """

    def __init__(
        self,
        units: int,
        output_peephole: Literal["current", "previous"] = "current",
        peephole_initializer: InitializerLike = "zeros",
        peephole_regularizer: RegularizerLike | None = None,
        peephole_constraint: ConstraintLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(check_integer("units", units, "[1, inf)"), **kwargs)
        self.output_peephole = check_choice(
            "output_peephole", output_peephole, ("current", "previous")
        )
        self.peephole_initializer = check_part(
            "peephole_initializer", peephole_initializer, "initializer"
        )
        self.peephole_regularizer = check_part(
            "peephole_regularizer", peephole_regularizer, "regularizer"
        )
        self.peephole_constraint = check_part(
            "peephole_constraint", peephole_constraint, "constraint"
        )

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.peephole_kernel = self.add_weight(
            name="peephole_kernel",
            shape=(3 * self.units,),
            initializer=self.peephole_initializer,
            regularizer=self.peephole_regularizer,
            constraint=self.peephole_constraint,
        )

    def call(
        self, inputs: Tensor, states: Sequence[Tensor], training: bool | None = False
    ) -> tuple[Tensor, list[Tensor]]:
        h, c = states
        masks = recurrent_masks = None
        if training:
            masks = self.get_dropout_mask(inputs)
            recurrent_masks = self.get_recurrent_dropout_mask(h)
        z = ops.add(
            _project(inputs, self.kernel, masks),
            _project(h, self.recurrent_kernel, recurrent_masks),
        )
        if self.use_bias:
            z = ops.add(z, self.bias)
        z_i, z_f, z_c, z_o = ops.split(z, 4, axis=-1)
        p_i, p_f, p_o = ops.split(self.peephole_kernel, 3)
        i = self.recurrent_activation(z_i + p_i * c)
        f = self.recurrent_activation(z_f + p_f * c)
        new_c = f * c + i * self.activation(z_c)
        seen = new_c if self.output_peephole == "current" else c
        o = self.recurrent_activation(z_o + p_o * seen)
        new_h = o * self.activation(new_c)
        return new_h, [new_h, new_c]

    def get_config(self) -> dict[str, Any]:
        own = {"output_peephole": self.output_peephole}
        for name in _PARTS:
            part = getattr(self, name)
            own[name] = part and keras.saving.serialize_keras_object(part)
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="kdl")
class PeepholeLSTM(keras.layers.LSTM):
    """An `LSTM` layer whose gates see the cell state, each unit its own.

    It runs a `kdl.layers.PeepholeLSTMCell`, where the formula is, over sequences, and
    masks, keeps and returns its state as `keras.layers.LSTM` does. As cuDNN has no
    peepholes, it goes through the loop of the backend, and takes no `use_cudnn`.

    Args:
        units: Positive integer. Dimension of the output space.
        output_peephole: `"current"` or `"previous"`. Whether the output gate sees the
            cell state after the step or before it. Defaults to `"current"`.
        peephole_initializer: Name or `keras.initializers.Initializer` of the
            peepholes, a vector of `3 * units`. Defaults to `"zeros"`, with which
            training starts from Keras's layer.
        peephole_regularizer: Optional `keras.regularizers.Regularizer`. Defaults to
            `None`.
        peephole_constraint: Optional `keras.constraints.Constraint`. Defaults to
            `None`.
        **kwargs: Arguments of `keras.layers.LSTM`, such as `return_sequences`.

    Call arguments:
        sequences: Float tensor of shape `(batch, steps, features)`.
        initial_state: Optional list of two float tensors of shape `(batch, units)`.
            Defaults to `None`, the state of a `stateful` layer, or else zeros.
        mask: Optional boolean tensor of shape `(batch, steps)`. False where a step is
            to be skipped. Defaults to `None`.
        training: Boolean. Whether to use `dropout` and `recurrent_dropout`. Defaults
            to `False`.

    Returns:
        What `keras.layers.LSTM` returns: a tensor of shape `(batch, units)`, or
        `(batch, steps, units)` with `return_sequences`, and of the layer's compute
        dtype; with `return_state` the two states as well.

    Raises:
        ValueError: If `output_peephole` is neither of the two.

    Example:

    >>> layer = kdl.layers.PeepholeLSTM(8, return_sequences=True)
    >>> outputs = layer(keras.ops.ones((2, 10, 4)))

    References:
        - [Gers et al., 2002](https://jmlr.org/papers/v3/gers02a.html)
    """

    def __init__(
        self,
        units: int,
        output_peephole: Literal["current", "previous"] = "current",
        peephole_initializer: InitializerLike = "zeros",
        peephole_regularizer: RegularizerLike | None = None,
        peephole_constraint: ConstraintLike | None = None,
        **kwargs: Any,
    ) -> None:
        of_cell = inspect.signature(keras.layers.LSTMCell).parameters
        cell = PeepholeLSTMCell(
            units,
            output_peephole,
            peephole_initializer,
            peephole_regularizer,
            peephole_constraint,
            **{name: kwargs.pop(name) for name in of_cell if name in kwargs},
            **{name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs},
            name="lstm_cell",
        )
        # That of Keras's layer would make a cell without peepholes.
        super(keras.layers.LSTM, self).__init__(cell, **kwargs)
        self.input_spec = keras.InputSpec(ndim=3)
        self.use_cudnn = False
        self.output_peephole = cell.output_peephole
        for name in _PARTS:
            setattr(self, name, getattr(cell, name))

    def get_config(self) -> dict[str, Any]:
        of_cell = self.cell.get_config()
        own = {name: of_cell[name] for name in ("output_peephole", *_PARTS)}
        return {**super().get_config(), **own}


def _project(values, kernel, masks):
    """Values times the kernels of four gates, dropped by one mask, or by one a gate."""
    if not isinstance(masks, list):
        return ops.matmul(values if masks is None else values * masks, kernel)
    kernels = ops.split(kernel, 4, axis=-1)
    parts = [ops.matmul(values * m, k) for m, k in zip(masks, kernels, strict=True)]
    return ops.concatenate(parts, axis=-1)
