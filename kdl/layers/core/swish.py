"""Swish."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_boolean, check_number
from kdl.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Swish(keras.layers.Layer):
    """Multiplies its inputs by their own sigmoid, whose steepness it learns.

        outputs = inputs * sigmoid(beta * inputs)

    with one `beta` for the layer: half of the inputs at 0, `"silu"` at 1, and near
    `"relu"` at large values. Keras's `silu` has `beta = 1` for good.

    Args:
        beta: Float in `(-inf, inf)`. Where `beta` starts. Defaults to `1.0`.
        trainable: Boolean. Whether it learns; as of any layer, it can be set later.
            Defaults to `True`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of any shape.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> layer = kdl.layers.Swish()
    >>> outputs = layer(keras.ops.ones((2, 4)))

    References:
        - [Ramachandran et al., 2017](https://arxiv.org/abs/1710.05941)
    """

    def __init__(
        self, beta: float = 1.0, trainable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(trainable=check_boolean("trainable", trainable), **kwargs)
        self.beta = check_number("beta", beta, "(-inf, inf)")
        self.supports_masking = True
        self.input_spec = keras.InputSpec(min_ndim=1)

    def build(self, input_shape: Shape) -> None:
        # `beta` remains the number it started from, as of any argument.
        self.steepness = self.add_weight(
            name="beta",
            shape=(),
            initializer=keras.initializers.Constant(self.beta),
        )

    def call(self, inputs: Tensor) -> Tensor:
        steepness = ops.cast(self.steepness, inputs.dtype)
        return inputs * ops.sigmoid(steepness * inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta}
