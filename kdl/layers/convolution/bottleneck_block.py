"""The bottleneck of residual networks."""

from typing import Any

import keras

from kdl.checks import check_boolean, check_integer
from kdl.layers.convolution.residual_block import ResidualBlock


@keras.saving.register_keras_serializable(package="kdl")
class BottleneckBlock(ResidualBlock):
    """A `ResidualBlock` of three convolutions, the block of ResNet-50 and larger.

        outputs = relu(inputs + CB_1x1(CBR_3x3(CBR_1x1(inputs))))

    The first reduces the channels to `filters`, for the convolution of 3 by 3 between,
    and the last expands them again. It has about the weights of a `ResidualBlock` of as
    many `filters`, and four times the channels outside.

    The strides are those of the convolution of 3 by 3, as in PyTorch's networks (v1.5);
    the paper, and Keras, have them in the first one, which passes over three pixels in
    four: `strides_first`.

    Args:
        filters: Integer in `[1, inf)`. Channels within.
        strides: Integer in `[1, inf)`. Factor by which height and width shrink.
            Defaults to `1`.
        expansion: Integer in `[1, inf)`. Channels of the outputs over `filters`.
            Defaults to the paper's `4`.
        strides_first: Boolean. Whether the first convolution has the strides. Defaults
            to `False`.
        **kwargs: `preactivation`, `rate`, `mode` and `seed` as of
            `kdl.layers.ResidualBlock`; `normalization`, `activation`,
            `kernel_initializer`, `kernel_regularizer` and `data_format`, as of
            `kdl.layers.ConvBlock`; and arguments of `keras.layers.Layer`, such as
            `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.
        training: Boolean. Whether to drop, and what batch normalization is told.
            Defaults to `None`: what Keras says of the call of the model.

    Returns:
        Tensor of shape `(batch, ceil(height / strides), ceil(width / strides),
        expansion * filters)`, or with the channels first.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> layer = kdl.layers.BottleneckBlock(8, rate=0.2)
    >>> outputs = layer(keras.ops.ones((1, 16, 16, 32)))

    References:
        - [He et al., 2016](https://arxiv.org/abs/1512.03385)
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        expansion: int = 4,
        strides_first: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, strides, **kwargs)
        self.expansion = check_integer("expansion", expansion, "[1, inf)")
        self.strides_first = check_boolean("strides_first", strides_first)

    @property
    def width(self) -> int:
        return self.expansion * self.filters

    def branch_of(self, channels: int) -> list[keras.Layer]:
        first, second = (self.strides, 1) if self.strides_first else (1, self.strides)
        return self.convolutions(
            (self.filters, 1, first), (self.filters, 3, second), (self.width, 1, 1)
        )

    def get_config(self) -> dict[str, Any]:
        own = {"expansion": self.expansion, "strides_first": self.strides_first}
        return {**super().get_config(), **own}
