"""A momentum that changes."""

import keras
from keras import ops


def as_momentum(value):
    """Returns a scalar tensor in the form that Keras's SGD and RMSprop compute with.

    They ask in an `if` whether there is a momentum at all, which no tensor can answer
    while a graph is made. Where one follows a schedule, there is one at every step.

    Args:
        value: Scalar float32 tensor.
    """
    return _as_momentum(value)


class _Momentum:
    """A tensor that is compared in Python as a positive number."""

    def __init__(self, value):
        self.value, self.dtype, self.shape = value, value.dtype, value.shape

    def __ne__(self, other):
        return True

    def __gt__(self, other):
        return True

    def __rsub__(self, other):
        return other - self.value

    def __jax_array__(self):
        return self.value

    def __tf_tensor__(self, dtype=None, name=None):
        return self.value if dtype is None else ops.cast(self.value, dtype)


match keras.backend.backend():
    case "torch":
        # Nothing is added to so small a part of the momentum, but there is one.
        _SMALL = 1e-30

        def _as_momentum(value):
            return max(float(value), _SMALL)

    case _:
        _as_momentum = _Momentum
