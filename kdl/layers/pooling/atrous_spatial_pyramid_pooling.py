"""The atrous spatial pyramid pooling of DeepLabV3."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer
from kdl.layers.convolution.conv_block import ConvBlock
from kdl.layers.convolution.image_block import ImageBlock
from kdl.typing import Shapes, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class AtrousSpatialPyramidPooling(ImageBlock):
    """Looks at each pixel through convolutions of several dilations side by side.

    One convolution of 1 by 1, one of 3 by 3 for each of `rates`, whose taps are so
    many pixels apart, and one of the mean of the image are joined and projected:

        branch = relu(norm(conv(inputs)))
        outputs = relu(norm(conv_1x1(concatenate([branch_0, branch_1, …, image]))))

    A segmentation network sees objects of any scale so, without pooling its features
    to a coarser grid. Keras has the dilated convolution alone.

    The layer is that of DeepLabV3, which added image pooling and batch normalization
    to that of DeepLabV2. Some implementations drop out half of the outputs; the paper
    does not. The mean is taken in float32, whatever the dtype.

    Args:
        filters: Integer in `[1, inf)`. Channels of each branch and of the outputs.
            Defaults to the paper's `256`.
        rates: Sequence of integers in `[1, inf)`. Dilations, in pixels of the inputs.
            Defaults to `(6, 12, 18)`, those of the paper for features at a sixteenth
            of the size of the image; at an eighth it doubles them.
        **kwargs: `normalization`, `activation`, `kernel_initializer`,
            `kernel_regularizer` and `data_format`, as of `kdl.layers.ConvBlock`, and
            arguments of `keras.layers.Layer`, such as `name`. As a single pixel has no
            instance statistics, the convolution of the mean gets a bias instead of
            `"instance"`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.
        training: Boolean. What batch normalization is told. Defaults to `None`: what
            Keras says of the call of the model.

    Returns:
        Tensor of shape `(batch, height, width, filters)`, or with the channels first.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> layer = kdl.layers.AtrousSpatialPyramidPooling(4, rates=(2, 4))
    >>> outputs = layer(keras.ops.ones((1, 13, 9, 8)))

    References:
        - [Chen et al., 2017](https://arxiv.org/abs/1706.05587)
    """

    def __init__(
        self, filters: int = 256, rates: Sequence[int] = (6, 12, 18), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters, "[1, inf)")
        if not isinstance(rates, (list, tuple)) or not rates:
            raise ValueError(
                "`rates` must be a sequence of integers in [1, inf). Received: "
                f"rates={rates!r}"
            )
        self.rates = tuple(check_integer("rates", rate, "[1, inf)") for rate in rates)

    def prepare(self, shape: Shapes) -> None:
        filters, shared = self.filters, self.shared
        self.branches = [ConvBlock(filters, 1, **shared)] + [
            ConvBlock(filters, dilation_rate=rate, **shared) for rate in self.rates
        ]
        self.image = ConvBlock(filters, 1, **self.shared_by_pixels)
        for branch in (*self.branches, self.image):
            branch.build(shape)
        self.projection = ConvBlock(filters, 1, **shared)
        self.projection.build((*shape[:-1], (len(self.branches) + 1) * filters))

    def transform(self, images: Tensor, training: bool | None) -> Tensor:
        branches = [branch(images, training=training) for branch in self.branches]
        mean = ops.mean(ops.cast(images, "float32"), axis=(1, 2), keepdims=True)
        image = self.image(ops.cast(mean, images.dtype), training=training)
        # Of one pixel, bilinear upsampling makes copies.
        image = ops.broadcast_to(image, ops.shape(branches[0]))
        outputs = ops.concatenate([*branches, image], axis=-1)
        return self.projection(outputs, training=training)

    def transformed(self, shape: Shapes) -> Shapes:
        return *shape[:-1], self.filters

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "rates": list(self.rates)}
        return {**super().get_config(), **own}
