"""Group lasso."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_axis
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class GroupLasso(keras.regularizers.Regularizer):
    """Penalizes groups of weights by their norms, so that whole groups fade.

    The penalty of a weight `w` is

        strength * sum(sqrt(size of w_j) * norm(w_j))

    over its groups `j`, where `norm` is the Euclidean norm along `axis`. The norm is
    not squared: the pull on a group is as strong when it is small, so that the weights
    of one that the loss does not hold go to zero together. It selects units, filters
    or input features, where `keras.regularizers.L1` selects single weights. Keras has
    no penalty on groups.

    Plain gradient descent brings a group near zero, not to it. At zero, where the norm
    has no gradient, it is taken to be zero.

    Args:
        strength: Float in `[0, inf)`, or a schedule of it. Factor of the penalty; 1e-4
            to 1e-2 is usual. Defaults to `0.01`.
        axis: Integer, or list of integers, along which the norm is taken: the axes
            within a group. Defaults to `None`, all but the last, so that a group is
            what comes into a unit of `Dense`, or a filter of a convolution. With `-1`
            it is what an input of `Dense` sends out: feature selection.

    Call arguments:
        x: Float tensor of any shape of one or more dimensions. A vector holds one
            weight per group under the default `axis`.

    Returns:
        Scalar tensor of the dtype of `x`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> regularizer = kdl.regularizers.GroupLasso(strength=0.001, axis=-1)
    >>> layer = keras.layers.Dense(8, kernel_regularizer=regularizer)

    References:
        - [Yuan and Lin, 2006](https://doi.org/10.1111/j.1467-9868.2005.00532.x), the
          method
        - [Wen et al., 2016](https://arxiv.org/abs/1608.03665), for filters
    """

    def __init__(
        self, strength: FloatOrSchedule = 0.01, axis: int | Sequence[int] | None = None
    ) -> None:
        self.strength = number("strength", strength, "[0, inf)")
        self.axis = check_axis("axis", axis)

    def __call__(self, x: Tensor) -> Tensor:
        x = ops.convert_to_tensor(x)
        axis = tuple(range(len(x.shape) - 1)) if self.axis is None else self.axis
        squares = ops.sum(ops.square(x), axis=axis)
        size = math.prod(x.shape) / math.prod(squares.shape)
        # At zero the root is taken of one instead: its gradient there is infinite, and
        # times zero it would be NaN.
        nonzero = squares > 0
        norms = ops.where(nonzero, ops.sqrt(ops.where(nonzero, squares, 1)), 0)
        return now(self.strength, dtype=x.dtype) * (math.sqrt(size) * ops.sum(norms))

    def get_config(self) -> dict[str, Any]:
        return {
            "strength": keras.saving.serialize_keras_object(self.strength),
            "axis": self.axis,
        }
