"""A loop over the steps of tensors."""

import keras
from keras import ops


def scan(step, before, steps, dtype):
    """Calls a function on each step in turn, and stacks what it gives.

    It is `keras.ops.scan`, but on TensorFlow, where no gradient comes back through that
    one in XLA, and where what is stacked must be like what is passed on.

    Args:
        step: Function `(before, at) -> (after, output)`, of what is passed on and of
            the step's part of each tensor. The output is one tensor.
        before: Structure of tensors that is passed on to the first step.
        steps: Dict of tensors `(steps, …)`.
        dtype: Dtype of the outputs.

    Returns:
        Tensor `(steps, …)` of the outputs.
    """
    match keras.backend.backend():
        case "tensorflow":
            return _scan_in_tensorflow(step, before, steps, dtype)
    _, outputs = ops.scan(step, before, steps)
    return outputs


def _scan_in_tensorflow(step, before, steps, dtype):
    import tensorflow as tf

    arrays = {
        name: tf.TensorArray(x.dtype, tf.shape(x)[0]).unstack(x)
        for name, x in steps.items()
    }
    first = next(iter(steps.values()))
    length = first.shape[0] or tf.shape(first)[0]

    def body(index, before, outputs):
        at = {name: array.read(index) for name, array in arrays.items()}
        before, output = step(before, at)
        return index + 1, before, outputs.write(index, output)

    _, _, outputs = tf.while_loop(
        lambda index, *_: index < length,
        body,
        (0, before, tf.TensorArray(dtype, length)),
        # Without it, XLA does not know how much to keep for the way back.
        maximum_iterations=length,
    )
    return outputs.stack()
