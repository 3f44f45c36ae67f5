"""A step up of a U-Net."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer
from kdl.layers.convolution.conv_block import ConvBlock, check_order
from kdl.layers.convolution.image_block import Chain, ImageBlock
from kdl.layers.data_format import strided
from kdl.layers.sublayers import copy_of
from kdl.typing import Shapes, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class UNetUpBlock(ImageBlock):
    """A step up of a U-Net: enlarges, and joins what the way down has kept.

        outputs = conv_block(conv_block(concatenate([skip, conv_transposed(inputs)])))

    The images from below know what there is, and those that the `UNetDownBlock` of the
    same level kept, where. The transposed convolution, of 2 by 2 with strides of 2,
    is not normalized, as in the paper.

    The paper's convolutions are not padded, and it crops what was kept; these keep
    their size, and what is enlarged is cropped by a pixel where a side was odd.

    Args:
        filters: Integer in `[1, inf)`. Channels of the outputs. In the paper, those of
            the `UNetDownBlock`.
        depth: Integer in `[1, inf)`. Number of convolutions. Defaults to `2`.
        order: String. Order of the parts of each, as of `kdl.layers.ConvBlock`.
            Defaults to `"CBR"`.
        **kwargs: `normalization`, `activation`, `kernel_initializer`,
            `kernel_regularizer` and `data_format`, as of `kdl.layers.ConvBlock`, and
            arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: List of two float tensors: the images from below, of shape `(batch,
            ceil(height / 2), ceil(width / 2), channels)`, and what was kept, of shape
            `(batch, height, width, channels)`, or with the channels first. Height and
            width may be `None`.
        training: Boolean. What batch normalization is told. Defaults to `None`: what
            Keras says of the call of the model.

    Returns:
        Tensor of shape `(batch, height, width, filters)`, or with the channels first.

    Raises:
        ValueError: If an argument is not as described, or if the sizes of the two do
            not match.

    Example:

    >>> images = keras.ops.ones((1, 15, 16, 3))
    >>> below, skip = kdl.layers.UNetDownBlock(4)(images)
    >>> below = kdl.layers.ConvBlock(8)(below)
    >>> outputs = kdl.layers.UNetUpBlock(4)([below, skip])

    References:
        - [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597)
    """

    def __init__(
        self, filters: int, depth: int = 2, order: str = "CBR", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters, "[1, inf)")
        self.depth = check_integer("depth", depth, "[1, inf)")
        self.order = check_order(order)
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4)]

    def prepare(self, shape: Shapes) -> None:
        self.transformed(shape)
        below, skip = shape
        self.enlargement = keras.layers.Conv2DTranspose(
            self.filters,
            2,
            strides=2,
            kernel_initializer=copy_of(self.kernel_initializer),
            kernel_regularizer=self.kernel_regularizer,
            data_format="channels_last",
            **self.options,
        )
        self.enlargement.build(below)
        options = {"order": self.order, **self.shared}
        blocks = [ConvBlock(self.filters, **options) for _ in range(self.depth)]
        self.convolutions = Chain(blocks, **self.options)
        self.convolutions.build((*skip[:-1], skip[-1] + self.filters))

    def transform(self, images: Tensor, training: bool | None) -> Tensor:
        below, skip = images
        self.transformed((below.shape, skip.shape))
        height, width = ops.shape(skip)[1:3]
        below = self.enlargement(below)[:, :height, :width]
        images = ops.concatenate([skip, below], axis=-1)
        return self.convolutions(images, training=training)

    def transformed(self, shape: Shapes) -> Shapes:
        below, skip = shape
        for half, side in zip(below[1:3], skip[1:3], strict=True):
            if None not in (half, side) and half != strided(side, 2):
                raise ValueError(
                    f"The layer {self.name!r}, a UNetUpBlock, joins images of half "
                    "the height and width, rounded up, with those of an UNetDownBlock. "
                    f"Received: {half} beside {side}"
                )
        return *skip[:-1], self.filters

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "depth": self.depth, "order": self.order}
        return {**super().get_config(), **own}
