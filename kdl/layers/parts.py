"""Copies of initializers."""

import keras


def copy_of(initializer):
    """Returns what another weight may be initialized by: one draws the same twice."""
    if isinstance(initializer, keras.initializers.Initializer):
        return initializer.clone()
    return initializer
