"""Tensors whose values can be read."""

import keras


def is_concrete(tensor):
    """Whether the values of a tensor can be read, which is not so in a graph."""
    match keras.backend.backend():
        case "jax":
            import jax

            return not isinstance(tensor, jax.core.Tracer)
        case "tensorflow":
            import tensorflow as tf

            return tf.executing_eagerly()
        case "torch":
            import torch

            return not torch.compiler.is_compiling() and not tensor.is_meta
