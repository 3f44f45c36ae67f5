"""The pyramid pooling module of PSPNet."""

import math

import keras
from keras import ops

from kdl.checks import check_choice, check_integer
from kdl.layers.images import (
    channels_last,
    check_size,
    from_channels_last,
    last,
    resolve,
)
from kdl.layers.spatial_pyramid_pooling import adaptive_pool, check_bins


@keras.saving.register_keras_serializable(package="kdl")
class PyramidPooling(keras.layers.Layer):
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
        bins: Sequence of integers in `[1, inf)`. Regions of a side, for each grid.
            Defaults to the paper's `(1, 2, 3, 6)`.
        filters: Optional integer in `[1, inf)`. Channels of each context. Defaults to
            `None`, the channels of the inputs over `len(bins)`, as in the paper.
        normalization: `"batch"`, `"layer"` (of each pixel over its channels),
            `"instance"`, `"group"` (of 32 groups, or fewer, so that they divide the
            channels and have four each) or `None`. As a single pixel has no instance
            statistics, the convolution of `n = 1` gets a bias instead of
            `"instance"`. Defaults to the paper's `"batch"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

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
        bins=(1, 2, 3, 6),
        filters=None,
        normalization="batch",
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.bins = check_bins(bins)
        self.filters = filters
        if filters is not None:
            self.filters = check_integer("filters", filters, "[1, inf)")
        self.normalization = check_normalization(normalization)
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape):
        check_size(self, input_shape, max(self.bins), "the largest of `bins`")
        batch, *image = last(input_shape, self.data_format)
        channels, filters = image[-1], self._filters(image[-1])
        self.convolutions, self.normalizations = [], []
        for n in self.bins:
            convolution, normalization = convolution_and_normalization(
                self, filters, is_pixel=n == 1
            )
            convolution.build((batch, n, n, channels))
            normalization.build((batch, n, n, filters))
            self.convolutions.append(convolution)
            self.normalizations.append(normalization)

    def call(self, inputs, training=None):
        check_size(self, inputs.shape, max(self.bins), "the largest of `bins`")
        images = channels_last(inputs, self.data_format)
        size, outputs = ops.shape(images)[1:3], [images]
        for n, convolution, normalization in zip(
            self.bins, self.convolutions, self.normalizations, strict=True
        ):
            context = convolution(adaptive_pool(images, n, "average"))
            context = ops.relu(normalization(context, training=training))
            outputs.append(_upsample(context, size))
        outputs = ops.concatenate(outputs, axis=-1)
        return from_channels_last(outputs, self.data_format)

    def compute_output_shape(self, input_shape):
        *image, channels = last(input_shape, self.data_format)
        channels += len(self.bins) * self._filters(channels)
        if self.data_format == "channels_first":
            return image[0], channels, *image[1:]
        return *image, channels

    def _filters(self, channels):
        filters = self.filters or channels // len(self.bins)
        if not filters:
            raise ValueError(
                "PyramidPooling takes at least as many channels as `bins` where "
                f"`filters` is None. Received: {channels} channels, bins={self.bins}"
            )
        return filters

    def get_config(self):
        own = {
            "bins": list(self.bins),
            "filters": self.filters,
            "normalization": self.normalization,
            "data_format": self.data_format,
        }
        return {**super().get_config(), **own}


def check_normalization(normalization):
    """Returns `normalization`, provided there is such a one."""
    choices = "batch", "layer", "instance", "group", None
    return check_choice("normalization", normalization, choices)


def convolution_and_normalization(layer, filters, is_pixel=False, **options):
    """Returns a convolution, by default 1 by 1, and the normalization after it.

    Args:
        layer: Layer that they are a part of, with a `normalization`.
        filters: Integer. Channels of the outputs.
        is_pixel: Boolean. Whether images are of one pixel. Defaults to `False`.
        **options: Arguments of `keras.layers.Conv2D`.
    """
    dtype, kind = layer.dtype_policy, layer.normalization
    if is_pixel and kind == "instance":
        kind = None
    match kind:
        case "batch":
            normalization = keras.layers.BatchNormalization(dtype=dtype)
        case "layer":
            normalization = keras.layers.LayerNormalization(dtype=dtype)
        case "instance":
            normalization = keras.layers.GroupNormalization(-1, dtype=dtype)
        case "group":
            groups = math.gcd(filters, 32)
            while groups > 1 and filters < 4 * groups:
                groups //= 2
            normalization = keras.layers.GroupNormalization(groups, dtype=dtype)
        case None:
            normalization = keras.layers.Identity(dtype=dtype)
    convolution = keras.layers.Conv2D(
        filters,
        **{"kernel_size": 1, "padding": "same", **options},
        use_bias=kind is None,
        data_format="channels_last",
        dtype=dtype,
    )
    return convolution, normalization


def _upsample(images, size):
    # By matrices, since `ops.image.resize` wants to know the size beforehand.
    rows, columns = (
        ops.cast(_interpolation(n, side), images.dtype)
        for n, side in zip(images.shape[1:3], size, strict=True)
    )
    images = ops.einsum("hi,bijc->bhjc", rows, images)
    return ops.einsum("wj,bhjc->bhwc", columns, images)


def _interpolation(n, size):
    """Weights of `n` pixels in each of `size`, the nearest two by their distance."""
    centers = ops.arange(size, dtype="float32") + 0.5
    places = ops.clip(centers * n / ops.cast(size, "float32") - 0.5, 0, n - 1)
    distances = ops.abs(places[:, None] - ops.arange(n, dtype="float32"))
    return ops.relu(1 - distances)
