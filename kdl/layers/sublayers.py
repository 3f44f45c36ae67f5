"""Layers that are made of layers."""

import keras
from keras import ops


def copy_of(initializer):
    """Returns what another weight may be initialized by: one draws the same twice."""
    if isinstance(initializer, keras.initializers.Initializer):
        return initializer.clone()
    return initializer


def freeze_parts(layer):
    """Freezes the parts of a layer that is frozen; called at the end of its `build`.

    When `trainable` is set, Keras sets it in the parts that exist then. A layer that is
    frozen before it is built, or loaded from a file, gets its parts later, and a model
    would train them. If the layer is not frozen, its parts stay as they are, since some
    of them may be frozen themselves.
    """
    if not layer.trainable:
        # Not False: TensorFlow passes over an attribute that is set to what it is.
        layer.trainable = 0


def call_frozen(layer, *args, **kwargs):
    """Calls a layer with its weights as constants, so that no gradient reaches them.

    Gradients reach its inputs. What the call would change, such as moving statistics,
    stays as it is.

    Args:
        layer: Built `keras.layers.Layer`.
        *args: Positional arguments of the call.
        **kwargs: Keyword arguments of the call.

    Returns:
        What the layer returns.
    """
    trained, others = (
        [ops.stop_gradient(ops.convert_to_tensor(variable)) for variable in part]
        for part in (layer.trainable_variables, layer.non_trainable_variables)
    )
    outputs, _ = layer.stateless_call(trained, others, *args, **kwargs)
    return outputs
