"""The inverted residual block of MobileNetV2 and EfficientNet."""

from typing import Any

import keras

from kdl.checks import check_integer, check_number, check_optional
from kdl.layers.convolution.conv_block import ConvBlock
from kdl.layers.convolution.residual_block import Residual
from kdl.layers.convolution.squeeze_excitation import SqueezeExcitation2D
from kdl.typing import ActivationLike, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class InvertedResidualBlock(Residual):
    """A depthwise convolution on many channels, between shortcuts of few: MBConv.

        branch = CB_1x1(excite(depthwise_CBR(CBR_1x1(inputs))))
        outputs = inputs + branch, or branch where the shape changes

    in the letters of `ConvBlock`. The first convolution expands the channels, on which
    a depthwise one is cheap, and the last reduces them again, without an activation,
    which would lose what few channels hold. Keras has the networks, not the block.

    With a `rate`, the branch is dropped at random in training, as by
    `StochasticDepth`, where there is a shortcut.

    Args:
        filters: Integer in `[1, inf)`. Channels of the outputs.
        kernel_size: Integer in `[1, inf)`. Side of the depthwise kernels, in pixels.
            Defaults to `3`.
        strides: Integer in `[1, inf)`. Factor by which height and width shrink.
            Defaults to `1`.
        expansion: Integer in `[1, inf)`. Channels within over those of the inputs. With
            1, there is no first convolution. Defaults to the papers' `6`.
        squeeze_ratio: Float in `(0, 1]`. Size of the bottleneck of
            `SqueezeExcitation2D` over the channels of the inputs, or `None` for none,
            as in MobileNetV2. Defaults to EfficientNet's `0.25`.
        activation: Function, or its name in `keras.activations`. Defaults to
            EfficientNet's `"swish"`; MobileNetV2 has `"relu6"`.
        **kwargs: `rate`, `mode` and `seed` as of `kdl.layers.ResidualBlock`;
            `normalization`, `kernel_initializer`, `kernel_regularizer` and
            `data_format`, as of `kdl.layers.ConvBlock`; and arguments of
            `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.
        training: Boolean. Whether to drop, and what batch normalization is told.
            Defaults to `None`: what Keras says of the call of the model.

    Returns:
        Tensor of shape `(batch, ceil(height / strides), ceil(width / strides),
        filters)`, or with the channels first.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> layer = kdl.layers.InvertedResidualBlock(8, kernel_size=5, strides=2)
    >>> outputs = layer(keras.ops.ones((1, 16, 16, 4)))

    References:
        - [Sandler et al., 2018](https://arxiv.org/abs/1801.04381)
        - [Tan and Le, 2019](https://arxiv.org/abs/1905.11946)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        strides: int = 1,
        expansion: int = 6,
        squeeze_ratio: float | None = 0.25,
        activation: ActivationLike = "swish",
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, strides, activation=activation, **kwargs)
        self.kernel_size = check_integer("kernel_size", kernel_size, "[1, inf)")
        self.expansion = check_integer("expansion", expansion, "[1, inf)")
        self.squeeze_ratio = check_optional(
            check_number, "squeeze_ratio", squeeze_ratio, "(0, 1]"
        )

    def branch_of(self, channels: int) -> list[keras.Layer]:
        shared, layers = self.shared, []
        if self.expansion > 1:
            layers.append(ConvBlock(self.expansion * channels, 1, **shared))
        layers.append(ConvBlock(None, self.kernel_size, self.strides, **shared))
        if self.squeeze_ratio is not None:
            excitation = SqueezeExcitation2D(
                max(1, int(channels * self.squeeze_ratio)),
                **{key: shared[key] for key in shared if key != "normalization"},
            )
            layers.append(excitation)
        return [*layers, ConvBlock(self.filters, 1, order="CB", **shared)]

    def transform(self, images: Tensor, training: bool | None) -> Tensor:
        outputs = self.branch(images, training=training)
        return images + outputs if self.keeps_shape(images.shape[-1]) else outputs

    def get_config(self) -> dict[str, Any]:
        own = {
            "kernel_size": self.kernel_size,
            "expansion": self.expansion,
            "squeeze_ratio": self.squeeze_ratio,
        }
        return {**super().get_config(), **own}
