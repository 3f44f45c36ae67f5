"""ICNR initialization."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops
from numpy.typing import DTypeLike

from kdl.checks import check_integer, check_part
from kdl.typing import InitializerLike, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class ICNR(keras.initializers.Initializer):
    """Has a sub-pixel convolution start without a checkerboard.

    `PixelShuffle2D(scale)` spreads `scale ** 2` channels over a square of pixels.
    Drawn apart, their kernels print a checkerboard on the outputs, which training has
    to undo. Drawn once and repeated, they make the outputs those of a convolution to
    fewer channels, enlarged by nearest neighbours:

        kernel[..., k * channels + c] = drawn[..., c]   for k < scale ** 2

    in the order of `kdl.layers.PixelShuffle2D`, which is that of
    `keras.ops.depth_to_space` with the channels last. A bias other than zero is to be
    initialized in the same way.

    The fan-out that the wrapped initializer sees is that of the fewer channels.

    Args:
        scale: Integer in `[2, inf)`. That of the `PixelShuffle2D` layer. Defaults to
            `2`.
        initializer: `keras.initializers.Initializer`, its name or its config. Draws
            the kernels that are repeated. Defaults to `"he_normal"`.

    Call arguments:
        shape: Tuple of integers. Shape of the weight, whose last axis is a multiple
            of `scale ** 2`.
        dtype: Optional dtype. Defaults to `None`, that of Keras.

    Returns:
        Tensor of that shape and dtype.

    Raises:
        ValueError: If `scale` is outside its interval, if `initializer` is none, or if
            the last axis of a shape does not divide by `scale ** 2`.

    Example:

    >>> initializer = kdl.initializers.ICNR(2, "he_normal")
    >>> upsample = keras.Sequential(
    ...     [
    ...         keras.layers.Conv2D(4 * 8, 3, kernel_initializer=initializer),
    ...         kdl.layers.PixelShuffle2D(2),
    ...     ]
    ... )

    References:
        - [Aitken et al., 2017](https://arxiv.org/abs/1707.02937)
        - [Shi et al., 2016](https://arxiv.org/abs/1609.05158), sub-pixel convolution
    """

    def __init__(
        self, scale: int = 2, initializer: InitializerLike = "he_normal"
    ) -> None:
        self.scale = check_integer("scale", scale, "[2, inf)")
        self.initializer = check_part("initializer", initializer, "initializer")
        if not isinstance(self.initializer, keras.initializers.Initializer):
            raise ValueError(
                "`initializer` must be a keras.initializers.Initializer, its name or "
                f"its config. Received: {initializer=}"
            )

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
        *rest, channels = shape
        if channels % self.scale**2:
            raise ValueError(
                "`shape` must have a last axis that is a multiple of `scale ** 2`. "
                f"Received: shape={tuple(shape)}, scale={self.scale}"
            )
        drawn = self.initializer((*rest, channels // self.scale**2), dtype=dtype)
        return ops.tile(drawn, [1] * len(rest) + [self.scale**2])

    def get_config(self) -> dict[str, Any]:
        initializer = keras.saving.serialize_keras_object(self.initializer)
        return {"scale": self.scale, "initializer": initializer}
