"""The atrous spatial pyramid pooling of DeepLabV3."""

import keras
from keras import ops

from kdl.checks import check_integer
from kdl.layers.images import channels_last, from_channels_last, last, resolve
from kdl.layers.pyramid_pooling import (
    check_normalization,
    convolution_and_normalization,
)


@keras.saving.register_keras_serializable(package="kdl")
class AtrousSpatialPyramidPooling(keras.layers.Layer):
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
        normalization: `"batch"`, `"layer"` (of each pixel over its channels),
            `"instance"`, `"group"` (of 32 groups, or fewer, so that they divide the
            channels and have four each) or `None`. As a single pixel has no instance
            statistics, the convolution of the mean gets a bias instead of
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
        self,
        filters=256,
        rates=(6, 12, 18),
        normalization="batch",
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters, "[1, inf)")
        if not isinstance(rates, (list, tuple)):
            raise ValueError(
                "`rates` must be a sequence of integers in [1, inf). Received: "
                f"rates={rates!r}"
            )
        self.rates = tuple(check_integer("rates", rate, "[1, inf)") for rate in rates)
        self.normalization = check_normalization(normalization)
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape):
        shape = last(input_shape, self.data_format)
        branches = len(self.rates) + 2
        parts = [
            convolution_and_normalization(self, self.filters),
            *(
                convolution_and_normalization(
                    self, self.filters, kernel_size=3, dilation_rate=rate
                )
                for rate in self.rates
            ),
            convolution_and_normalization(self, self.filters, is_pixel=True),
            convolution_and_normalization(self, self.filters),
        ]
        self.convolutions, self.normalizations = map(list, zip(*parts, strict=True))
        for convolution in self.convolutions[:-1]:
            convolution.build(shape)
        self.convolutions[-1].build((*shape[:-1], branches * self.filters))
        for normalization in self.normalizations:
            normalization.build((*shape[:-1], self.filters))

    def call(self, inputs, training=None):
        inputs = channels_last(inputs, self.data_format)
        mean = ops.mean(ops.cast(inputs, "float32"), axis=(1, 2), keepdims=True)
        branches = [
            self._branch(i, inputs, training) for i in range(len(self.rates) + 1)
        ]
        # Of one pixel, bilinear upsampling makes copies.
        image = self._branch(-2, ops.cast(mean, inputs.dtype), training)
        image = ops.broadcast_to(image, ops.shape(branches[0]))
        outputs = ops.concatenate([*branches, image], axis=-1)
        outputs = self._branch(-1, outputs, training)
        return from_channels_last(outputs, self.data_format)

    def _branch(self, i, inputs, training):
        outputs = self.convolutions[i](inputs)
        return ops.relu(self.normalizations[i](outputs, training=training))

    def compute_output_shape(self, input_shape):
        if self.data_format == "channels_first":
            return input_shape[0], self.filters, *input_shape[2:]
        return *input_shape[:3], self.filters

    def get_config(self):
        own = {
            "filters": self.filters,
            "rates": list(self.rates),
            "normalization": self.normalization,
            "data_format": self.data_format,
        }
        return {**super().get_config(), **own}
