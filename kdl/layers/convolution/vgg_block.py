"""The block of VGG."""

from typing import Any

import keras

from kdl.checks import check_integer
from kdl.layers.convolution.conv_block import ConvBlock, check_order
from kdl.layers.convolution.image_block import Chain, ImageBlock
from kdl.layers.data_format import strided
from kdl.typing import Shapes, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class VGGBlock(ImageBlock):
    """Convolutions of 3 by 3, and then a pooling that halves the image.

        outputs = max_pool_2x2(conv_block(… conv_block(inputs)))

    Two convolutions of 3 by 3 see as far as one of 5 by 5, with fewer weights and one
    more activation between them. Of Keras's `VGG16` the whole network is to be had, but
    not its block. The paper's networks are `VGGBlock(64)`,
    `VGGBlock(128)`, `VGGBlock(256, 3)`, `VGGBlock(512, 3)` and `VGGBlock(512, 3)`,
    with `normalization=None`.

    Args:
        filters: Integer in `[1, inf)`. Channels of the outputs.
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
        Tensor of shape `(batch, ceil(height / 2), ceil(width / 2), filters)`, or with
        the channels first.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> layer = kdl.layers.VGGBlock(8)
    >>> outputs = layer(keras.ops.ones((1, 16, 16, 3)))

    References:
        - [Simonyan and Zisserman, 2015](https://arxiv.org/abs/1409.1556)
    """

    def __init__(
        self, filters: int, depth: int = 2, order: str = "CBR", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters, "[1, inf)")
        self.depth = check_integer("depth", depth, "[1, inf)")
        self.order = check_order(order)

    def prepare(self, shape: Shapes) -> None:
        options = {"order": self.order, **self.shared}
        blocks = [ConvBlock(self.filters, **options) for _ in range(self.depth)]
        self.convolutions = Chain(blocks, **self.options)
        self.convolutions.build(shape)
        self.pooling = keras.layers.MaxPooling2D(
            padding="same", data_format="channels_last", **self.options
        )

    def transform(self, images: Tensor, training: bool | None) -> Tensor:
        return self.pooling(self.convolutions(images, training=training))

    def transformed(self, shape: Shapes) -> Shapes:
        batch, *size, _ = shape
        return batch, *(strided(side, 2) for side in size), self.filters

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "depth": self.depth, "order": self.order}
        return {**super().get_config(), **own}
