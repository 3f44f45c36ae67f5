"""Spectral normalization."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_seed
from kdl.layers.sublayers import freeze_parts
from kdl.typing import Shape, Tensor

# Layers whose kernels have the units of the outputs on the last axis but one.
_TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose)


@keras.saving.register_keras_serializable(package="kdl")
class SpectralNormalization(keras.layers.Wrapper):
    """Divides the kernel of a layer by its largest singular value.

    The layer is called with `kernel / sigma`, which changes no input by more than a
    factor of one in length. That bounds how steep a network is, as of a discriminator.
    The kernel is seen as a matrix of as many columns as there are units or filters;
    `sigma` is its largest singular value, by power iteration

        v = normalize(kernel @ u),  u = normalize(v @ kernel),  sigma = v @ kernel @ u

    that goes on from the `u` of the last training step. Gradients go through `sigma`
    and take `u` and `v` as constants, as in the paper.

    Keras's layer of this name overwrites the kernel with the normalized one in each
    training step, so that no gradient goes through `sigma`; on JAX, where a call cannot
    overwrite what is trained, it does not.

    Args:
        layer: `keras.layers.Layer` with a `kernel`, such as `Dense` or `Conv2D`.
        power_iterations: Integer in `[1, inf)`. Of each call. Defaults to the paper's
            `1`.
        seed: Optional integer. Draws the first `u`. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Tensor that the layer takes.
        training: Boolean. Whether to keep `u` for the next step. Defaults to `False`.

    Returns:
        What the layer returns.

    Raises:
        ValueError: If an argument is not as described, or if the layer has no kernel.

    Example:

    >>> dense = keras.layers.Dense(8)
    >>> layer = kdl.layers.SpectralNormalization(dense)
    >>> outputs = layer(keras.ops.ones((2, 4)), training=True)

    References:
        - [Miyato et al., 2018](https://arxiv.org/abs/1802.05957)
    """

    def __init__(
        self,
        layer: keras.Layer,
        power_iterations: int = 1,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(layer, dict) and layer:
            layer = keras.saving.deserialize_keras_object(layer)
        if not isinstance(layer, keras.layers.Layer):
            raise ValueError(
                f"`layer` must be a keras.layers.Layer. Received: layer={layer!r}"
            )
        super().__init__(layer, **kwargs)
        self.power_iterations = check_integer(
            "power_iterations", power_iterations, "[1, inf)"
        )
        self.seed = check_seed("seed", seed)

    def build(self, input_shape: Shape | None = None) -> None:
        super().build(input_shape)
        kernel = getattr(self.layer, "kernel", None)
        if not isinstance(kernel, keras.Variable):
            raise ValueError(
                "`layer` must have a `kernel`, such as keras.layers.Dense or Conv2D. "
                f"Received: layer={self.layer!r}"
            )
        units = kernel.shape[-2 if isinstance(self.layer, _TRANSPOSED) else -1]
        self.u = self.add_weight(
            name="u",
            shape=(units,),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            trainable=False,
            dtype="float32",
            autocast=False,
        )
        freeze_parts(self)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        layer = self.layer
        trained, others = layer.trainable_variables, layer.non_trainable_variables
        takes_training = "training" in layer.call_signature_parameters
        outputs, updated = layer.stateless_call(
            *([self._value(v, training) for v in part] for part in (trained, others)),
            inputs,
            **({"training": training} if takes_training else {}),
        )
        for variable, value in zip(others, updated, strict=True):
            if variable is not layer.kernel:
                variable.assign(value)
        return outputs

    def _value(self, variable, training):
        """The value of a variable of the layer, of its kernel the normalized one."""
        value = ops.convert_to_tensor(variable)
        if variable is not self.layer.kernel:
            return value
        kernel = ops.cast(value, "float32")
        if isinstance(self.layer, _TRANSPOSED):
            kernel = ops.swapaxes(kernel, -1, -2)
        matrix = ops.reshape(kernel, (-1, self.u.shape[0]))
        constant, u = ops.stop_gradient(matrix), ops.convert_to_tensor(self.u)
        for _ in range(self.power_iterations):
            v = _normalized(ops.matmul(constant, u))
            u = _normalized(ops.matmul(v, constant))
        u, v = ops.stop_gradient(u), ops.stop_gradient(v)
        if training and self.trainable:
            self.u.assign(u)
        sigma = ops.sum(v * ops.matmul(matrix, u))
        return ops.cast(ops.cast(value, "float32") / sigma, value.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "power_iterations": self.power_iterations,
            "seed": self.seed,
        }


def _normalized(vector):
    return vector / ops.maximum(ops.norm(vector), 1e-12)
