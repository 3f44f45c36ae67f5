"""A step down of a U-Net."""

import keras

from kdl.layers.convolution.vgg_block import VGGBlock
from kdl.typing import Shapes, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class UNetDownBlock(VGGBlock):
    """A step down of a U-Net: convolutions, whose outputs are pooled and also kept.

        skip = conv_block(conv_block(inputs))
        outputs = max_pool_2x2(skip), skip

    It is a `VGGBlock` that returns what it pools as well, for the `UNetUpBlock` on the
    same level, which has lost by then where in the image things were.

    The paper's convolutions are not padded, so that its outputs are smaller than its
    images, and not normalized; these keep their size, and a side that is odd is
    rounded up when it is halved.

    Args:
        filters: Integer in `[1, inf)`. Channels of the outputs. The paper has 64 on
            the first level and twice as many on each that follows.
        depth: Integer in `[1, inf)`. Number of convolutions. Defaults to `2`.
        order: String. Order of the parts of each, as of `kdl.layers.ConvBlock`.
            Defaults to `"CBR"`.
        **kwargs: `normalization`, `activation`, `kernel_initializer`,
            `kernel_regularizer` and `data_format`, as of `kdl.layers.ConvBlock`, and
            arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.
        training: Boolean. What batch normalization is told. Defaults to `None`: what
            Keras says of the call of the model.

    Returns:
        Tuple of the pooled images, of shape `(batch, ceil(height / 2),
        ceil(width / 2), filters)`, and of those before, of shape `(batch, height,
        width, filters)`, or with the channels first.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> layer = kdl.layers.UNetDownBlock(8)
    >>> outputs, skip = layer(keras.ops.ones((1, 16, 16, 3)))

    References:
        - [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597)
    """

    def transform(self, images: Tensor, training: bool | None) -> Tensor:
        skip = self.convolutions(images, training=training)
        return self.pooling(skip), skip

    def transformed(self, shape: Shapes) -> Shapes:
        return super().transformed(shape), (*shape[:-1], self.filters)
