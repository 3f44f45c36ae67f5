"""Sinusoidal positional encoding."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kdl.checks import check_number
from kdl.layers.embedding.positions import as_position
from kdl.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class SinusoidalPositionalEncoding(keras.layers.Layer):
    """Adds waves of many lengths to a sequence, by which a network tells positions.

        outputs[b, p, 2 i] = inputs[b, p, 2 i] + sin(p / max_wavelength ** (2 i / d))
        outputs[b, p, 2 i + 1] = inputs[b, p, 2 i + 1] + cos(the same)

    for inputs of `d` features, from position 0 on. Attention alone does not see the
    order of its inputs. This encoding has no weights and no largest length, and that of
    a position at a fixed distance is a rotation of it. Keras has no such layer. To draw
    the encoding, call the layer on zeros.

    Angles are exact to 1e-5 up to position 131,072, whatever the dtype; only the sum is
    cast. In half precision the positions themselves would be rounded from 2,048
    (float16) or 256 (bfloat16) on.

    The paper multiplies the embeddings of tokens by `sqrt(d)` before it adds the
    encoding, whose features have a mean square of 1/2. That is left to the model: it
    matters where embeddings start small, as those of `keras.layers.Embedding` do.

    Args:
        max_wavelength: Float in `[1, inf)`. The longest wave takes up to
            `2 * pi * max_wavelength` positions. Defaults to the paper's `10000.0`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, length, d)`. The length may be `None`.
        start_index: Integer or scalar integer tensor. Position of the first token, when
            a sequence is decoded piece by piece. Defaults to `0`.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype.

    Raises:
        ValueError: If `max_wavelength` is outside its interval, or if `d` is odd.

    Example:

    >>> layer = kdl.layers.SinusoidalPositionalEncoding()
    >>> encoding = layer(keras.ops.zeros((1, 100, 64)))

    References:
        - [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
    """

    def __init__(self, max_wavelength: float = 10000.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_wavelength = check_number("max_wavelength", max_wavelength, "[1, inf)")
        self.supports_masking = True
        self.input_spec = keras.InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        size = input_shape[-1]
        if size is None or size % 2:
            raise ValueError(
                f"The layer {self.name!r} takes an even number of features, a sine and "
                f"a cosine each. Received: inputs of shape {tuple(input_shape)}"
            )
        self.input_spec = keras.InputSpec(ndim=3, axes={-1: size})
        # In turns rather than radians, of which whole ones can be left out.
        exponents = np.arange(0, size, 2) / size
        turns = self.max_wavelength**-exponents / (2 * np.pi)
        # In three parts of so few bits each that, in float32, a product with a position
        # of up to 17 bits is exact, or too small for its error to matter.
        high = np.round(turns * 2**7) / 2**7
        middle = np.round((turns - high) * 2**15) / 2**15
        self._turns = np.stack([high, middle, turns - high - middle]).astype("float32")

    def call(self, inputs: Tensor, start_index: Tensor = 0) -> Tensor:
        start = as_position(start_index)
        positions = ops.arange(ops.shape(inputs)[1], dtype="int32") + start
        positions = ops.cast(positions, "float32")[:, None, None]
        turns = ops.mod(positions * _constant(self._turns, positions), 1)
        angles = 2 * np.pi * ops.sum(turns, axis=1)
        waves = ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1)
        encoding = ops.reshape(waves, (-1, inputs.shape[-1]))
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        outputs = ops.cast(inputs, dtype) + ops.cast(encoding, dtype)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "max_wavelength": self.max_wavelength}


def _constant(array, like):
    """A tensor of an array, where the tensor `like` is."""
    match keras.backend.backend():
        case "torch":
            import torch

            # Within its graphs Keras fails on arrays.
            return torch.as_tensor(array, device=like.device)
    return ops.convert_to_tensor(array)
