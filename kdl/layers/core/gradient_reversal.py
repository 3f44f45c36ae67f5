"""Gradient reversal."""

from typing import Any

import keras
from keras import ops

from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class GradientReversal(keras.layers.Layer):
    """Returns its inputs, and turns their gradient round.

        outputs = inputs,   d loss / d inputs = -strength * d loss / d outputs

    What follows learns to lower its loss, and what comes before to raise it: with a
    classifier of domains behind it, features become such that nobody can tell from
    them which domain an example is of. Keras has no such layer, and a loss of a
    negative weight would have the classifier itself learn to fail.

    Args:
        strength: Float in `[0, inf)`, or a schedule of it. What the gradient is
            multiplied by, besides -1. In the paper it grows from 0 to 1 over the
            training, as `2 / (1 + exp(-10 * progress)) - 1`. Defaults to `1.0`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of any shape.
        training: Boolean. Defaults to `None`: what Keras says of the call of the model.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype.

    Raises:
        ValueError: If `strength` is outside its interval.

    Example:

    >>> features = keras.Input((8,))
    >>> reversed_features = kdl.layers.GradientReversal(0.5)(features)
    >>> domain = keras.layers.Dense(2, name="domain")(reversed_features)

    References:
        - [Ganin et al., 2016](https://jmlr.org/papers/v17/15-239.html)
    """

    def __init__(self, strength: FloatOrSchedule = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength = number("strength", strength, "[0, inf)")
        self.supports_masking = True
        self.input_spec = keras.InputSpec(min_ndim=1)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        strength = now(self.strength, training, inputs.dtype)
        # The first term has the value, bit by bit, and the second one the gradient.
        turned = -strength * inputs
        return ops.stop_gradient(inputs) + (turned - ops.stop_gradient(turned))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        strength = keras.saving.serialize_keras_object(self.strength)
        return {**super().get_config(), "strength": strength}
