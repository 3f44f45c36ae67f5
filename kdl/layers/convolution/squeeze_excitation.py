"""Squeeze-and-excitation."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_part
from kdl.layers.data_format import channels_last, from_channels_last, last, resolve
from kdl.layers.sublayers import copy_of, freeze_parts
from kdl.typing import (
    ActivationLike,
    DataFormat,
    InitializerLike,
    RegularizerLike,
    Shape,
    Tensor,
)


@keras.saving.register_keras_serializable(package="kdl")
class SqueezeExcitation2D(keras.layers.Layer):
    """Weighs each channel by what the whole image is like.

        outputs = inputs * sigmoid(W2 · activation(W1 · mean(inputs) + b1) + b2)

    where the mean is over height and width. A convolution sees a few pixels; by this,
    channels that do not matter for an image are turned down in all of it, at little
    cost. Keras has it within `EfficientNet` and `MobileNetV3` only.

    The mean is taken in float32, whatever the dtype.

    Args:
        units: Integer in `[1, inf)`. Size of the bottleneck between the two dense
            layers: a sixteenth of the channels in the paper, a quarter of those before
            the expansion in EfficientNet.
        activation: Function of the bottleneck, or its name in `keras.activations`.
            Defaults to `"relu"`.
        kernel_initializer: `keras.initializers.Initializer`, or its name, of which
            both kernels get a copy. Defaults to `"glorot_uniform"`.
        kernel_regularizer: Optional `keras.regularizers.Regularizer`, or its name, of
            both kernels. Defaults to `None`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.

    Returns:
        Tensor of the shape of the inputs.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> layer = kdl.layers.SqueezeExcitation2D(2)
    >>> outputs = layer(keras.ops.ones((1, 16, 16, 8)))

    References:
        - [Hu et al., 2018](https://arxiv.org/abs/1709.01507)
    """

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "relu",
        kernel_initializer: InitializerLike = "glorot_uniform",
        kernel_regularizer: RegularizerLike | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = check_integer("units", units, "[1, inf)")
        self.activation = check_part("activation", activation, "activation")
        self.kernel_initializer = check_part(
            "kernel_initializer", kernel_initializer, "initializer"
        )
        self.kernel_regularizer = check_part(
            "kernel_regularizer", kernel_regularizer, "regularizer"
        )
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: Shape) -> None:
        channels = last(input_shape, self.data_format)[-1]
        self.squeeze = self._dense(self.units, self.activation)
        self.squeeze.build((None, channels))
        self.excite = self._dense(channels, "sigmoid")
        self.excite.build((None, self.units))
        freeze_parts(self)

    def call(self, inputs: Tensor) -> Tensor:
        images = channels_last(inputs, self.data_format)
        mean = ops.mean(ops.cast(images, "float32"), axis=(1, 2), keepdims=True)
        scale = self.excite(self.squeeze(ops.cast(mean, images.dtype)))
        return from_channels_last(images * scale, self.data_format)

    def _dense(self, units, activation):
        return keras.layers.Dense(
            units,
            activation,
            kernel_initializer=copy_of(self.kernel_initializer),
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        own = {
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": serialize(self.kernel_initializer),
            "kernel_regularizer": serialize(self.kernel_regularizer),
            "data_format": self.data_format,
        }
        return {**super().get_config(), **own}
