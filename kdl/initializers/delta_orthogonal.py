"""Delta-orthogonal initialization."""

from collections.abc import Sequence

import keras
from keras import ops
from numpy.typing import DTypeLike

from kdl.checks import check_number, check_seed_or_generator
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class DeltaOrthogonal(keras.initializers.Orthogonal):
    """Has a convolution start as an orthogonal map of each pixel.

    The kernel is zero but for its centre, an orthogonal matrix times `gain`:

        kernel[(size - 1) // 2] = gain * q,   q @ q.T = identity

    With `padding="same"` and without strides, the layer keeps the norm of its inputs
    up to `gain`, and so do the gradients, through thousands of layers. The centre of
    an even size is where Keras puts it in a `same` convolution without dilation; with
    dilation the norm is kept by odd sizes only.

    Keras's `Orthogonal` makes the kernel orthogonal as a matrix from patch to pixel.
    Patches overlap, so that the convolution as a whole does not keep norms.

    Args:
        gain: Float in `(0, inf)`. Factor of the orthogonal matrix; `sqrt(2)` for
            ReLU, as `Kaiming` lists. Defaults to `1.0`.
        seed: Optional integer or `keras.random.SeedGenerator`. Makes the values
            reproducible on a given backend. Defaults to `None`.

    Call arguments:
        shape: Tuple of integers `(*sizes, inputs, outputs)`, with one to three sizes
            and no more inputs than outputs. Shape of the kernel of `Conv1D`, `Conv2D`
            or `Conv3D` in one group.
        dtype: Optional dtype. Defaults to `None`, that of Keras.

    Returns:
        Tensor of that shape and dtype.

    Raises:
        ValueError: If `gain` is outside its interval, or if a shape is not that of
            such a kernel.

    Example:

    >>> initializer = kdl.initializers.DeltaOrthogonal(gain=2**0.5)
    >>> layer = keras.layers.Conv2D(
    ...     8, 3, padding="same", activation="relu", kernel_initializer=initializer
    ... )
    >>> outputs = layer(keras.ops.ones((1, 5, 5, 4)))

    References:
        - [Xiao et al., 2018](https://arxiv.org/abs/1806.05393)
    """

    def __init__(
        self, gain: float = 1.0, seed: int | keras.random.SeedGenerator | None = None
    ) -> None:
        gain = check_number("gain", gain, "(0, inf)")
        super().__init__(gain, check_seed_or_generator("seed", seed))

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
        *sizes, inputs, outputs = shape if len(shape) > 2 else (0, 0)
        if not 1 <= len(sizes) <= 3 or inputs > outputs:
            raise ValueError(
                "`shape` must be that of the kernel of a convolution of 1 to 3 "
                "dimensions, with no more inputs than outputs. "
                f"Received: shape={tuple(shape)}"
            )
        dtype = dtype or keras.config.floatx()
        # The decomposition is not made for less than float32.
        wide = keras.backend.result_type(dtype, "float32")
        matrix = super().__call__((inputs, outputs), dtype=wide)
        matrix = ops.reshape(matrix, [1] * len(sizes) + [inputs, outputs])
        around = [((size - 1) // 2, size // 2) for size in sizes]
        return ops.cast(ops.pad(matrix, [*around, (0, 0), (0, 0)]), dtype)
