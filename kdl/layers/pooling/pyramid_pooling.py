"""The pyramid pooling module of PSPNet."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_optional
from kdl.layers.convolution.conv_block import ConvBlock
from kdl.layers.convolution.image_block import ImageBlock
from kdl.layers.data_format import check_size
from kdl.layers.pooling.spatial_pyramid_pooling import (
    adaptive_pool,
    check_bins,
    grid_of,
    largest,
)
from kdl.typing import Shapes, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class PyramidPooling(ImageBlock):
    """Adds to each pixel what the image is like around it, at several scales.

    For each `n` of `bins`, the image is averaged over `n` by `n` regions, as by
    `SpatialPyramidPooling2D`, and brought back to its size:

        context_n = upsample(relu(norm(conv_1x1(average_pool_n(inputs)))))
        outputs = concatenate([inputs, context_1, …, context_N])

    A segmentation network labels a pixel by what its convolutions see, less than the
    whole scene; the coarse grids tell it the rest. Keras has none such. The 3 by 3
    convolution that follows in the paper is left to the model.

    Upsampling is bilinear between the centers of pixels, as everywhere in Keras; the
    paper's code aligns the corners instead. Means are taken in float32, whatever the
    dtype.

    Args:
        bins: Sequence of integers in `[1, inf)`, or of pairs of such. Regions of a
            side, or rows and columns of regions, for each grid. Defaults to the paper's
            `(1, 2, 3, 6)`.
        filters: Optional integer in `[1, inf)`. Channels of each context. Defaults to
            `None`, the channels of the inputs over `len(bins)`, as in the paper.
        **kwargs: `normalization`, `activation`, `kernel_initializer`,
            `kernel_regularizer` and `data_format`, as of `kdl.layers.ConvBlock`, and
            arguments of `keras.layers.Layer`, such as `name`. As a single pixel has no
            instance statistics, the convolution of `n = 1` gets a bias instead of
            `"instance"`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.
        training: Boolean. What batch normalization is told. Defaults to `None`: what
            Keras says of the call of the model.

    Returns:
        Tensor of shape `(batch, height, width, channels + len(bins) * filters)`, or
        with the channels first.

    Raises:
        ValueError: If an argument is outside its interval, if an image whose size is
            known is smaller than the largest of `bins`, or if `filters` is `None` and
            there are fewer channels than bins.

    Example:

    >>> layer = kdl.layers.PyramidPooling((1, 2, 3), filters=4)
    >>> outputs = layer(keras.ops.ones((1, 13, 9, 8)))
    >>> outputs.shape[-1]
    20

    References:
        - [Zhao et al., 2017](https://arxiv.org/abs/1612.01105)
    """

    def __init__(
        self,
        bins: Sequence[int | Sequence[int]] = (1, 2, 3, 6),
        filters: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bins = check_bins(bins)
        self.filters = check_optional(check_integer, "filters", filters, "[1, inf)")

    def build(self, input_shape: Shapes) -> None:
        check_size(self, input_shape, largest(self.bins), "the largest of `bins`")
        super().build(input_shape)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        check_size(self, inputs.shape, largest(self.bins), "the largest of `bins`")
        return super().call(inputs, training)

    def prepare(self, shape: Shapes) -> None:
        batch, *_, channels = shape
        self.contexts = []
        for grid in map(grid_of, self.bins):
            options = self.shared_by_pixels if grid == (1, 1) else self.shared
            context = ConvBlock(self._filters(channels), 1, **options)
            context.build((batch, *grid, channels))
            self.contexts.append(context)

    def transform(self, images: Tensor, training: bool | None) -> Tensor:
        size, outputs = ops.shape(images)[1:3], [images]
        for part, context in zip(self.bins, self.contexts, strict=True):
            pooled = adaptive_pool(images, grid_of(part), "average")
            outputs.append(_upsample(context(pooled, training=training), size))
        return ops.concatenate(outputs, axis=-1)

    def transformed(self, shape: Shapes) -> Shapes:
        *image, channels = shape
        return *image, channels + len(self.bins) * self._filters(channels)

    def _filters(self, channels):
        filters = self.filters or channels // len(self.bins)
        if not filters:
            raise ValueError(
                "PyramidPooling takes at least as many channels as `bins` where "
                f"`filters` is None. Received: {channels} channels, bins={self.bins}"
            )
        return filters

    def get_config(self) -> dict[str, Any]:
        own = {"bins": list(self.bins), "filters": self.filters}
        return {**super().get_config(), **own}


def _upsample(images, size):
    # By matrices, since `ops.image.resize` wants to know the size beforehand.
    rows, columns = (
        ops.cast(_interpolation(n, side), images.dtype)
        for n, side in zip(images.shape[1:3], size, strict=True)
    )
    # Each as one product of matrices, which einsum makes of the second alone.
    batch, n, m, channels = ops.shape(images)
    images = ops.matmul(rows, ops.reshape(images, (batch, n, m * channels)))
    images = ops.reshape(images, (batch, size[0], m, channels))
    return ops.matmul(columns, images)


def _interpolation(n, size):
    """Weights of `n` pixels in each of `size`, the nearest two by their distance."""
    centers = ops.arange(size, dtype="float32") + 0.5
    places = ops.clip(centers * n / ops.cast(size, "float32") - 0.5, 0, n - 1)
    distances = ops.abs(places[:, None] - ops.arange(n, dtype="float32"))
    return ops.relu(1 - distances)
