"""The Inception block."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer
from kdl.layers.convolution.conv_block import ConvBlock
from kdl.layers.convolution.image_block import Chain, ImageBlock
from kdl.typing import Shapes, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class InceptionBlock(ImageBlock):
    """Convolutions of several sizes side by side, those of GoogLeNet.

        outputs = concatenate([
            conv_1x1(inputs),
            conv_3x3(conv_1x1(inputs)),
            conv_5x5(conv_1x1(inputs)),
            conv_1x1(max_pool_3x3(inputs)),
        ])

    where each convolution is a `ConvBlock`. The network need not choose a size; the
    convolutions of 1 by 1 before the larger ones reduce the channels, and so the
    cost. Keras has its successors `InceptionV3` and `InceptionResNetV2` as whole
    networks only.

    The paper does not normalize: `normalization=None`.

    Args:
        filters: Sequence of integers in `[1, inf)`, the six of a row of the paper's
            first table: channels of the 1 by 1, of the reduction before the 3 by 3,
            of the 3 by 3, of the reduction before the 5 by 5, of the 5 by 5, and of
            the projection after the pooling. The paper's first block, 3a, has
            `(64, 96, 128, 16, 32, 32)`.
        **kwargs: `normalization`, `activation`, `kernel_initializer`,
            `kernel_regularizer` and `data_format`, as of `kdl.layers.ConvBlock`, and
            arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.
        training: Boolean. What batch normalization is told. Defaults to `None`: what
            Keras says of the call of the model.

    Returns:
        Tensor of shape `(batch, height, width, channels)`, or with the channels first,
        where `channels` is the sum of `filters` without the reductions.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> layer = kdl.layers.InceptionBlock((4, 2, 4, 2, 4, 2))
    >>> outputs = layer(keras.ops.ones((1, 16, 16, 3)))

    References:
        - [Szegedy et al., 2015](https://arxiv.org/abs/1409.4842)
    """

    def __init__(self, filters: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(filters, (list, tuple)) or len(filters) != 6:
            raise ValueError(
                "`filters` must be a sequence of six integers in [1, inf). Received: "
                f"{filters=}"
            )
        self.filters = tuple(check_integer("filters", n, "[1, inf)") for n in filters)

    def prepare(self, shape: Shapes) -> None:
        one, to_three, three, to_five, five, pooled = self.filters
        self.branches = []
        for sizes in (
            [(one, 1)],
            [(to_three, 1), (three, 3)],
            [(to_five, 1), (five, 5)],
            [(pooled, 1)],
        ):
            blocks = [ConvBlock(*size, **self.shared) for size in sizes]
            self.branches.append(Chain(blocks, **self.options))
            self.branches[-1].build(shape)
        self.pooling = keras.layers.MaxPooling2D(
            3, 1, "same", data_format="channels_last", **self.options
        )

    def transform(self, images: Tensor, training: bool | None) -> Tensor:
        sources = images, images, images, self.pooling(images)
        outputs = [
            branch(source, training=training)
            for branch, source in zip(self.branches, sources, strict=True)
        ]
        return ops.concatenate(outputs, axis=-1)

    def transformed(self, shape: Shapes) -> Shapes:
        one, _, three, _, five, pooled = self.filters
        return *shape[:-1], one + three + five + pooled

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": list(self.filters)}
