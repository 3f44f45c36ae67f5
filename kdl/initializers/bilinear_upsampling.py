"""Bilinear upsampling by a transposed convolution."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy.typing import DTypeLike

from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class BilinearUpsampling(keras.initializers.Initializer):
    """Has a transposed convolution start as bilinear interpolation.

    Each channel passes on its own, through the product of a triangle along each axis:

        kernel[i, j, c, c] = triangle(i) * triangle(j)
        triangle(i) = 1 - |i - (size - 1) / 2| / ((size + 1) // 2)

    With strides `r`, a kernel of size `2 * r - r % 2` and `padding="same"`, the
    outputs are those of `keras.ops.image.resize` with `"bilinear"`, except at the
    border: there the layer sees zeros, and the resize repeats the last pixel. Kernels
    of another size hold the triangle as well, but no longer interpolate.

    `UpSampling2D(interpolation="bilinear")` has no weights; the layer initialized
    here goes on to learn. It needs as many outputs as inputs. Keras has no transposed
    depthwise convolution, whose kernel would be of another shape.

    Call arguments:
        shape: Tuple of four integers `(height, width, channels, channels)`. Shape of
            the kernel of `Conv2DTranspose`.
        dtype: Optional dtype. Defaults to `None`, that of Keras.

    Returns:
        Tensor of that shape and dtype.

    Raises:
        ValueError: If a shape is not that of such a kernel.

    Example:

    >>> layer = keras.layers.Conv2DTranspose(
    ...     filters=8,
    ...     kernel_size=4,
    ...     strides=2,
    ...     padding="same",
    ...     kernel_initializer=kdl.initializers.BilinearUpsampling(),
    ... )
    >>> outputs = layer(keras.ops.ones((1, 5, 5, 8)))

    References:
        - [Long et al., 2015](https://arxiv.org/abs/1411.4038)
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
        if len(shape) != 4 or shape[2] != shape[3]:
            raise ValueError(
                "`shape` must be (height, width, channels, channels), the kernel of a "
                "Conv2DTranspose with as many filters as its inputs have channels. "
                f"Received: shape={tuple(shape)}"
            )
        height, width, channels, _ = shape
        kernel = np.zeros(shape)
        each = np.arange(channels)
        square = np.outer(_triangle(height), _triangle(width))
        kernel[:, :, each, each] = square[..., None]
        return ops.convert_to_tensor(kernel, dtype or keras.config.floatx())


def _triangle(size):
    distance = np.abs(np.arange(size) - (size - 1) / 2)
    return 1 - distance / ((size + 1) // 2)
