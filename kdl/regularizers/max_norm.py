"""Max-norm penalty."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_axis
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class MaxNorm(keras.regularizers.Regularizer):
    """Penalizes units whose incoming weights are longer than `max_value`.

    The penalty of a weight `w` is

        strength * sum(max(norm(w_j) - max_value, 0) ** 2)

    over its units `j`, where `norm` is the Euclidean norm along `axis`. A unit
    within the limit costs nothing and feels no pull, so that, unlike L2, the
    penalty does not shrink what is small already.

    `keras.constraints.MaxNorm` projects the weights onto the limit after each
    update. The penalty lets a unit pass it at a price, acts through the gradient,
    and so shows in the loss. With dropout, limits of 3 to 4 are usual.

    Args:
        max_value: Float in `(0, inf)`, or a schedule of it. Norm from which on a unit
            is penalized. Defaults to `3.0`.
        strength: Float in `[0, inf)`, or a schedule of it. Factor of the penalty.
            Defaults to `0.01`.
        axis: Integer, or list of integers, along which the norm is taken: the axes
            of a unit's inputs. Defaults to `None`, all but the last, which fits
            the kernels of `Dense` and of convolutions.

    Call arguments:
        x: Float tensor of any shape of one or more dimensions. A vector holds one
            weight per unit under the default `axis`.

    Returns:
        Scalar tensor of the dtype of `x`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> regularizer = kdl.regularizers.MaxNorm(max_value=3.0, strength=0.01)
    >>> layer = keras.layers.Dense(8, kernel_regularizer=regularizer)

    References:
        - [Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html),
          max-norm with dropout, as a constraint
    """

    def __init__(
        self,
        max_value: FloatOrSchedule = 3.0,
        strength: FloatOrSchedule = 0.01,
        axis: int | Sequence[int] | None = None,
    ) -> None:
        self.max_value = number("max_value", max_value, "(0, inf)")
        self.strength = number("strength", strength, "[0, inf)")
        self.axis = check_axis("axis", axis)

    def __call__(self, x: Tensor) -> Tensor:
        x = ops.convert_to_tensor(x)
        axis = tuple(range(len(x.shape) - 1)) if self.axis is None else self.axis
        squares = ops.sum(ops.square(x), axis=axis)
        # Within the limit the root is taken of the limit instead: the gradient of
        # a root at zero is infinite, and times zero it would be NaN.
        limit = now(self.max_value, dtype=x.dtype)
        norms = ops.sqrt(ops.maximum(squares, limit**2))
        penalty = ops.sum(ops.square(norms - limit))
        return now(self.strength, dtype=x.dtype) * penalty

    def get_config(self) -> dict[str, Any]:
        return {
            "max_value": keras.saving.serialize_keras_object(self.max_value),
            "strength": keras.saving.serialize_keras_object(self.strength),
            "axis": self.axis,
        }
