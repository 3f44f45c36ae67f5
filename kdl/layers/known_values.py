"""Values that can be read, of tensors and before they become tensors."""

from typing import Any

import keras
import numpy as np

from kdl.typing import Tensor

_INT32 = np.iinfo("int32")


class Int32Inputs:
    """Mixin for a layer of indices: refuses those that do not fit into 32 bits.

    JAX makes arrays of int32 of what a layer is called with, and of 2**32 + 3 a 3.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        # Dynamo, which traces tensors alone, does not trace `flatten`.
        if not _is_traced_by_dynamo():
            for part in keras.tree.flatten((args, kwargs)):
                if isinstance(part, (np.ndarray, np.integer, int)):
                    self._check_fits(np.asarray(part))
        return super().__call__(*args, **kwargs)

    def _check_fits(self, array):
        if array.dtype.kind not in "iu" or array.dtype.itemsize < 4 or not array.size:
            return
        for value in (array.min(), array.max()):
            if not _INT32.min <= value <= _INT32.max:
                raise ValueError(
                    f"The layer {self.name!r} takes integers of 32 bits. "
                    f"Received: {value}"
                )


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
            return not _is_traced_by_dynamo() and not tensor.is_meta


def _is_traced_by_dynamo():
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.compiler.is_compiling()
