"""A convolution with its normalization and activation."""

from typing import Any

import keras

from kdl.checks import check_integer, check_optional
from kdl.layers.convolution.depthwise import DepthwiseConv2D
from kdl.layers.convolution.image_block import ImageBlock, make_normalization
from kdl.layers.data_format import strided
from kdl.layers.sublayers import copy_of
from kdl.typing import Shapes, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class ConvBlock(ImageBlock):
    """Convolutions, normalizations and activations in the order of its letters.

    `C` is a convolution, `B` a normalization and `R` an activation (most often it is a
    batch normalization, and a ReLU):

        CBR = activation(norm(conv(inputs)))
        CRB = norm(activation(conv(inputs)))
        BRC = conv(activation(norm(inputs)))     of residual networks, the second form
        CCC = conv(conv(conv(inputs)))

    In Keras these are three layers, to be written again for each convolution. Here
    the order and the normalization are arguments, which a search may vary.

    Of several convolutions, the first has the strides. One that a normalization
    follows at once has no bias, as that would be subtracted again. Images keep their
    size, over the strides: padding is `"same"`. With strides of 2, TensorFlow and
    Keras pad an even side by one pixel at its end; PyTorch's networks, by one at each.

    Args:
        filters: Integer in `[1, inf)`. Channels of the outputs. `None` makes the
            convolutions depthwise, of one filter for each channel.
        kernel_size: Integer in `[1, inf)`. Side of the kernels, in pixels. Defaults
            to `3`.
        strides: Integer in `[1, inf)`. Factor by which height and width shrink.
            Defaults to `1`.
        dilation_rate: Integer in `[1, inf)`. Distance of the taps of a kernel, in
            pixels. Defaults to `1`.
        order: String of `"C"`, `"B"` and `"R"`, with one `"C"` or more. Defaults to
            `"CBR"`.
        normalization: `"batch"`, `"layer"` (of each pixel over its channels),
            `"instance"`, `"group"` (of 32 groups, or fewer, so that they divide the
            channels and have four or more each), a `keras.layers.Layer` along the last
            axis, of which each place gets a copy, or `None`. Defaults to `"batch"`.
        activation: Function, or its name in `keras.activations`. Defaults to
            `"relu"`.
        kernel_initializer: `keras.initializers.Initializer`, or its name, of which
            each kernel gets a copy; one with a seed draws the same for kernels of one
            shape. Defaults to `"he_normal"`, which keeps the variance of a signal
            through `"relu"`. (Of a depthwise kernel, Keras
            counts the inputs of all channels, and makes it smaller.)
        kernel_regularizer: Optional `keras.regularizers.Regularizer`, or its name, of
            every kernel. Defaults to `None`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.
        training: Boolean. What batch normalization is told. Defaults to `None`: what
            Keras says of the call of the model.

    Returns:
        Tensor of shape `(batch, ceil(height / strides), ceil(width / strides),
        filters)`, or with the channels first.

    Raises:
        ValueError: If an argument is not as described, or if both strides and
            dilation are above 1, which TensorFlow does not have.

    Example:

    >>> layer = kdl.layers.ConvBlock(8, order="BRC", normalization="group")
    >>> outputs = layer(keras.ops.ones((1, 16, 16, 3)))

    References:
        - [Ioffe and Szegedy, 2015](https://arxiv.org/abs/1502.03167), CBR
        - [He et al., 2016](https://arxiv.org/abs/1603.05027), BRC
    """

    def __init__(
        self,
        filters: int | None,
        kernel_size: int = 3,
        strides: int = 1,
        dilation_rate: int = 1,
        order: str = "CBR",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = check_optional(check_integer, "filters", filters, "[1, inf)")
        self.kernel_size = check_integer("kernel_size", kernel_size, "[1, inf)")
        self.strides = check_integer("strides", strides, "[1, inf)")
        self.dilation_rate = check_integer("dilation_rate", dilation_rate, "[1, inf)")
        if self.strides > 1 and self.dilation_rate > 1:
            raise ValueError(
                "`strides` and `dilation_rate` must not both be above 1. Received: "
                f"strides={strides}, dilation_rate={dilation_rate}"
            )
        self.order = check_order(order)

    def prepare(self, shape: Shapes) -> None:
        normalization = self.normalization
        self.convolutions, self.normalizations = [], []
        for letter, following in zip(self.order, self.order[1:] + " ", strict=True):
            if letter == "C":
                use_bias = following != "B" or normalization is None
                layer = self._convolution(use_bias=use_bias)
                self.convolutions.append(layer)
            elif letter == "B" and normalization is not None:
                layer = make_normalization(normalization, shape[-1], **self.options)
                self.normalizations.append(layer)
            else:
                continue
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def transform(self, images: Tensor, training: bool | None) -> Tensor:
        convolutions, normalizations = (
            iter(layers) for layers in (self.convolutions, self.normalizations)
        )
        for letter in self.order:
            if letter == "C":
                images = next(convolutions)(images)
            elif letter == "R":
                images = self.activation(images)
            elif self.normalizations:
                images = next(normalizations)(images, training=training)
        return images

    def transformed(self, shape: Shapes) -> Shapes:
        batch, *size, channels = shape
        size = (strided(side, self.strides) for side in size)
        return batch, *size, self.filters or channels

    def _convolution(self, **options):
        options |= {
            "strides": 1 if self.convolutions else self.strides,
            "dilation_rate": self.dilation_rate,
            "padding": "same",
            "data_format": "channels_last",
            **self.options,
        }
        if self.filters is None:
            return DepthwiseConv2D(
                self.kernel_size,
                depthwise_initializer=copy_of(self.kernel_initializer),
                depthwise_regularizer=self.kernel_regularizer,
                **options,
            )
        return keras.layers.Conv2D(
            self.filters,
            self.kernel_size,
            kernel_initializer=copy_of(self.kernel_initializer),
            kernel_regularizer=self.kernel_regularizer,
            **options,
        )

    def get_config(self) -> dict[str, Any]:
        own = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "dilation_rate": self.dilation_rate,
            "order": self.order,
        }
        return {**super().get_config(), **own}


def check_order(order):
    """Returns the order of the parts of a `ConvBlock`, if it is one."""
    if not isinstance(order, str) or set(order) - set("CBR") or "C" not in order:
        raise ValueError(
            "`order` must be a string of 'C', 'B' and 'R' with one 'C' or more. "
            f"Received: order={order!r}"
        )
    return str(order)
