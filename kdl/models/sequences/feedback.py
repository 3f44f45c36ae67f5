"""A recurrent cell that is fed its own predictions."""

import contextlib
import inspect

import keras
from keras import ops, tree

from kdl import private
from kdl.models.sequences.scan import scan


def unroll(
    cell,
    states,
    own,
    given,
    coins,
    embed,
    predict,
    noise=None,
    mask=None,
    training=False,
):
    """Runs a cell over steps, each on what is given or on its own last prediction.

    Keras's `RNN` would do, but takes one float tensor for all that a step needs; this
    loop is as fast on JAX and TensorFlow, and faster on PyTorch.

    Args:
        cell: Recurrent cell of Keras.
        states: List of tensors, the states before the first step.
        own: Tensor `(batch, …)`. The prediction before the first step.
        given: Tensor `(batch, length, …)`. What may be fed in its place, by step.
        coins: Optional boolean tensor `(batch, length, …)` to choose by. Where true,
            what is given is fed. With `None`, it never is.
        embed: Function that returns the inputs of the cell for what is fed.
        predict: Function of outputs of the cell, and of noise, that returns the
            prediction.
        noise: Optional tensor `(batch, length, …)` for `predict`.
        mask: Optional boolean tensor `(batch, length)`. Where false, states and
            prediction stay as they were.
        training: Boolean.

    Returns:
        Tensor `(batch, length, units)` of the outputs of the cell.
    """
    takes = "training" in inspect.signature(cell.call).parameters
    options = {"training": training} if takes else {}
    parts = {"given": given, "coin": coins, "noise": noise, "mask": mask}
    steps = {name: _steps_first(x) for name, x in parts.items() if x is not None}

    def step(before, at):
        fed = before["own"]
        if "coin" in at:
            fed = ops.where(at["coin"], at["given"], fed)
        # Not the cell itself: on PyTorch, calling a layer takes longer than the step.
        output, states = cell.call(embed(fed), before["states"], **options)
        states = as_list(states)
        after = {"own": predict(output, at.get("noise")), "states": states}
        if "mask" in at:
            after = tree.map_structure(
                lambda new, old: ops.where(_like(at["mask"], new), new, old),
                after,
                before,
            )
        return after, output

    outputs = scan(
        step, {"own": own, "states": list(states)}, steps, cell.compute_dtype
    )
    return _steps_first(outputs)


@contextlib.contextmanager
def masks_of_dropout(layer, inputs, states, training):
    """Draws the masks of a cell's dropout beforehand: in a loop, JAX could not."""
    if training:
        private.draw_dropout_masks(layer, inputs, states)
    try:
        yield
    finally:
        # Also if the loop raises: the masks are of a batch of this size.
        private.drop_dropout_masks(layer)


def states_of(cell, initial_state, batch):
    """Returns the states of a cell before the first step, as a list.

    Args:
        cell: Recurrent cell of Keras.
        initial_state: Optional tensor or list. Zeros with `None`.
        batch: Integer, or scalar tensor.
    """
    if initial_state is None:
        initial_state = cell.get_initial_state(batch_size=batch)
    return tree.map_structure(
        lambda x: ops.cast(x, cell.compute_dtype), as_list(initial_state)
    )


def as_list(states):
    """Returns states as a list, as a cell need not give them if it has only one."""
    return list(states) if tree.is_nested(states) else [states]


def as_cell(cell, dtype):
    """Returns a recurrent cell, of a list of them a stack, of a config what it is of.

    Args:
        cell: What the user gave.
        dtype: `keras.DTypePolicy` of the layer that it is for.

    Raises:
        ValueError: If it is none, none whose output is one vector, or of another dtype.
    """
    if isinstance(cell, dict) and cell:
        cell = keras.saving.deserialize_keras_object(cell)
    if isinstance(cell, (list, tuple)) and cell:
        cell = keras.layers.StackedRNNCells([as_cell(part, dtype) for part in cell])
    is_cell = isinstance(cell, keras.layers.Layer) and hasattr(cell, "state_size")
    if not is_cell or not isinstance(getattr(cell, "output_size", None), int):
        raise ValueError(
            "`cell` must be a recurrent cell, or a list of them, with a `state_size` "
            "and an integer `output_size`, such as keras.layers.GRUCell(64). Received: "
            f"cell={cell!r}"
        )
    if cell.compute_dtype != dtype.compute_dtype:
        raise ValueError(
            "`cell` must compute in the dtype of the layer that it is for. Received: "
            f"{cell.compute_dtype} for {dtype.compute_dtype}"
        )
    return cell


def layer_of(cell, dtype):
    """Returns the layer that runs a cell over sequences that are given.

    That of Keras's own cells may use cuDNN.
    """
    options = {"return_sequences": True, "dtype": dtype, "name": "rnn"}
    for kind, layer in _LAYERS.items():
        # Not of what inherits from them.
        if type(cell) is kind:
            config = {**cell.get_config(), **options}
            layer = layer.from_config(config)
            # Else it would stay a part, and one that is never built, for which Keras
            # computes anything once more without compiling it.
            private.untrack(layer, layer.cell)
            layer.cell = cell
            return layer
    return keras.layers.RNN(cell, **options)


_LAYERS = {
    keras.layers.GRUCell: keras.layers.GRU,
    keras.layers.LSTMCell: keras.layers.LSTM,
}


def _steps_first(x):
    return ops.swapaxes(x, 0, 1)


def _like(mask, x):
    return ops.reshape(mask, (-1, *[1] * (len(x.shape) - 1)))
