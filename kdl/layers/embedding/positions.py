"""Positions of the tokens of a sequence."""

import numbers

from keras import ops

from kdl.checks import check_integer
from kdl.layers.known_values import is_concrete


def as_position(start):
    """Returns the position of a first token as an int, or an int32 tensor."""
    if isinstance(start, numbers.Number):
        return check_integer("the position of the first token", start, "(-inf, inf)")
    return ops.cast(start, "int32")


def is_within(size, start, length, layer, what):
    """Whether tokens are at positions that a layer has.

    Args:
        size: Integer or scalar tensor. Number of these positions.
        start: Integer or scalar tensor. Position of the first token.
        length: Integer or scalar tensor. Number of tokens.
        layer: Layer that the error names.
        what: String. What has the positions, such as `"table"`.

    Returns:
        `True`, or a scalar tensor within a graph that does not know it.

    Raises:
        ValueError: If a token is known to be elsewhere.
    """
    if not all(_is_known(x) for x in (size, start, length)):
        start, length = (ops.convert_to_tensor(x, "int32") for x in (start, length))
        return ops.logical_and(start >= 0, start + length <= size)
    if start < 0 or start + length > size:
        raise ValueError(
            f"The layer {layer.name!r} was given a token outside its {what} of {size} "
            f"positions. Received: {int(length)} tokens from position {int(start)} on"
        )
    return True


def _is_known(x):
    # A length that `keras.Model.export` leaves open on JAX is neither.
    return isinstance(x, int) or (ops.is_tensor(x) and is_concrete(x))
