"""Pixel shuffle."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer
from kdl.layers.data_format import channels_last, from_channels_last, resolve
from kdl.typing import DataFormat, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class PixelShuffle2D(keras.layers.Layer):
    """Enlarges images by moving channels into space.

    Each group of `scale ** 2` channels becomes a square of pixels of one channel:

        outputs[y * scale + i, x * scale + j, c]
            = inputs[y, x, (i * scale + j) * channels + c]

    After a convolution, it upsamples as a transposed convolution does, in which no
    kernel overlaps its neighbours. `kdl.initializers.ICNR` lets it start without a
    checkerboard.

    Keras has this as an operation, `keras.ops.depth_to_space`, which on JAX and
    PyTorch takes the channels in another order where they come first; the layer has
    one order everywhere. `torch.nn.PixelShuffle` has that other one,
    `c * scale ** 2 + i * scale + j`: the channels of its inputs, reshaped to
    `(channels, scale ** 2)`, are those here when transposed.

    Args:
        scale: Integer in `[2, inf)`. Factor of height and width.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, scale ** 2 * channels)`, or
            with the channels first.

    Returns:
        Tensor of shape `(batch, scale * height, scale * width, channels)`, or with the
        channels first.

    Raises:
        ValueError: If an argument is outside its interval, or if the channels are not
            a multiple of `scale ** 2`.

    Example:

    >>> layer = kdl.layers.PixelShuffle2D(2)
    >>> outputs = layer(keras.ops.ones((1, 5, 5, 12)))

    References:
        - [Shi et al., 2016](https://arxiv.org/abs/1609.05158)
    """

    def __init__(
        self, scale: int, data_format: DataFormat | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.scale = check_integer("scale", scale, "[2, inf)")
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        self.compute_output_shape(inputs.shape)
        # With the channels first, Keras's backends would take them in different orders.
        inputs = channels_last(inputs, self.data_format)
        outputs = ops.depth_to_space(inputs, self.scale, "channels_last")
        return from_channels_last(outputs, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        channels = self._channels_axis()
        if shape[channels] is None or shape[channels] % self.scale**2:
            raise ValueError(
                "`inputs` must have a number of channels that is a multiple of "
                f"`scale ** 2`. Received: inputs of shape {tuple(input_shape)}, "
                f"scale={self.scale}, data_format={self.data_format!r}"
            )
        shape = [size and size * self.scale for size in shape]
        shape[0] = input_shape[0]
        shape[channels] = input_shape[channels] // self.scale**2
        return tuple(shape)

    def _channels_axis(self):
        return 3 if self.data_format == "channels_last" else 1

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "data_format": self.data_format}
        return {**super().get_config(), **own}
