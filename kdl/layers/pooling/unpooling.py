"""Unpooling."""

from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_integer
from kdl.layers.data_format import channels_last, from_channels_last, resolve
from kdl.typing import DataFormat, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Unpooling2D(keras.layers.Layer):
    """Enlarges images by placing each pixel in a square of zeros.

        outputs[y * scale + offset, x * scale + offset] = inputs[y, x], and 0 elsewhere

    A convolution then fills the gaps: the pair, FCRN's up-convolution, is a transposed
    convolution. Keras's `UpSampling2D` copies or interpolates instead;
    `MaxUnpooling2D` remembers where each maximum was.

    Args:
        scale: Integer in `[2, inf)`. Factor of height and width, and side of a square.
        position: `"top_left"` or `"center"`. Where in the square the pixel goes: an
            `offset` of 0, or of `(scale - 1) // 2`, which are the same for a `scale`
            of 2. Defaults to the papers' `"top_left"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.

    Returns:
        Tensor of shape `(batch, scale * height, scale * width, channels)`, or with the
        channels first.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> layer = kdl.layers.Unpooling2D(3, position="center")
    >>> outputs = layer(keras.ops.ones((1, 5, 5, 12)))

    References:
        - [Laina et al., 2016](https://arxiv.org/abs/1606.00373)
        - [Dosovitskiy et al., 2015](https://arxiv.org/abs/1411.5928)
    """

    def __init__(
        self,
        scale: int,
        position: Literal["top_left", "center"] = "top_left",
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.scale = check_integer("scale", scale, "[2, inf)")
        self.position = check_choice("position", position, ("top_left", "center"))
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        inputs = channels_last(inputs, self.data_format)
        batch, height, width, channels = ops.shape(inputs)
        before = (self.scale - 1) // 2 if self.position == "center" else 0
        square = before, self.scale - 1 - before
        outputs = ops.reshape(inputs, (batch, height, 1, width, 1, channels))
        outputs = ops.pad(outputs, ((0, 0), (0, 0), square, (0, 0), square, (0, 0)))
        size = height * self.scale, width * self.scale
        outputs = ops.reshape(outputs, (batch, *size, channels))
        return from_channels_last(outputs, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(
            size * self.scale
            if size is not None and axis in (first, first + 1)
            else size
            for axis, size in enumerate(input_shape)
        )

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "position": self.position}
        return {**super().get_config(), **own, "data_format": self.data_format}
