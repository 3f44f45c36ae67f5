"""Layers that are made of layers."""

import keras


def copy_of(initializer):
    """Returns what another weight may be initialized by: one draws the same twice."""
    if isinstance(initializer, keras.initializers.Initializer):
        return initializer.clone()
    return initializer


def freeze_parts(layer):
    """Freezes the parts of a layer that is frozen; called at the end of its `build`.

    Keras passes `trainable` on to the parts that there are when it is set. A layer that
    was frozen before it was built, or is loaded from a file, gets its parts afterwards,
    and a model would train them. Parts of a layer that is not frozen stay as they are:
    some of them may be frozen by themselves.
    """
    if not layer.trainable:
        # Not False: TensorFlow passes over an attribute that is set to what it is.
        layer.trainable = 0
