"""A loss and its weight."""

from typing import Any

import keras

from kdl.checks import check_name
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class WeightedLoss(keras.losses.Loss):
    """Multiplies a loss by a weight that may follow a schedule.

    It is `weight * loss(y_true, y_pred, sample_weight)`, such as the weight of one
    output among several that comes in later, or fades.

    The `loss_weights` of Keras's `compile` are compiled into the training step: no
    schedule, and no way to change them in a running fit on JAX. Weights of both kinds
    multiply.

    Args:
        loss: `keras.losses.Loss`.
        weight: Float in `[0, inf)`, or a schedule of it.
        name: Optional string. Defaults to `None`, the name of the loss.

    Call arguments:
        y_true: What the loss takes as targets.
        y_pred: What it takes as predictions.
        sample_weight: Optional tensor of weights of the examples.

    Returns:
        What the loss returns, multiplied.

    Raises:
        ValueError: If `loss` is not a loss, or if `weight` is outside its interval.

    Example:

    >>> weight = keras.optimizers.schedules.PolynomialDecay(1.0, 1000, 0.0)
    >>> loss = kdl.losses.WeightedLoss(keras.losses.MeanSquaredError(), weight)
    """

    def __init__(
        self, loss: keras.losses.Loss, weight: FloatOrSchedule, name: str | None = None
    ) -> None:
        if isinstance(loss, dict):
            loss = keras.saving.deserialize_keras_object(loss)
        if not isinstance(loss, keras.losses.Loss):
            raise ValueError(f"`loss` must be a keras.losses.Loss. Received: {loss=}")
        self.loss = loss
        super().__init__(
            check_name("name", name) or loss.name, loss.reduction, loss.dtype
        )
        self.weight = number("weight", weight, "[0, inf)")

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        # Not `call` alone, where the mask of the loss would get lost.
        loss = self.loss(y_true, y_pred, sample_weight)
        return now(self.weight, dtype=loss.dtype) * loss

    def get_config(self) -> dict[str, Any]:
        return {
            "loss": keras.saving.serialize_keras_object(self.loss),
            "weight": keras.saving.serialize_keras_object(self.weight),
            "name": self.name,
        }
