"""What the blocks of convolutions have in common."""

import functools
import math
from typing import Any

import keras

from kdl.checks import check_part
from kdl.layers.convolution.batch_normalization import BatchNormalization
from kdl.layers.data_format import (
    channels_last,
    first,
    from_channels_last,
    last,
    resolve,
)
from kdl.layers.sublayers import freeze_parts
from kdl.typing import (
    ActivationLike,
    DataFormat,
    InitializerLike,
    Normalization,
    RegularizerLike,
    Shapes,
    Tensor,
)

_NORMALIZATIONS = "batch", "layer", "instance", "group", None


class ImageBlock(keras.layers.Layer):
    """A layer of convolutions, which handles the format of images for them.

    TensorFlow convolves on a CPU only where the channels are last. A block within
    works so; it says what it does in three methods, and gives the blocks that it is
    made of the arguments `shared`:

    - `prepare(shape)` makes and builds its layers
    - `transform(images, training)` calls them
    - `transformed(shape)` is the shape of the outputs

    Args:
        normalization: `"batch"`, `"layer"` (of each pixel over its channels),
            `"instance"`, `"group"` (of 32 groups, or fewer, so that they divide the
            channels and have four or more each), a `keras.layers.Layer` along the last
            axis, of which each place gets a copy, or `None`. Defaults to `"batch"`.
        activation: Function, or its name in `keras.activations`. Defaults to
            `"relu"`.
        kernel_initializer: `keras.initializers.Initializer`, or its name, of which
            each kernel gets a copy. Defaults to `"he_normal"`, which keeps the
            variance of a signal through `"relu"`.
        kernel_regularizer: Optional `keras.regularizers.Regularizer`, or its name, of
            every kernel. Defaults to `None`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.
    """

    def __init__(
        self,
        normalization: Normalization | None = "batch",
        activation: ActivationLike = "relu",
        kernel_initializer: InitializerLike = "he_normal",
        kernel_regularizer: RegularizerLike | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(normalization, dict):
            normalization = keras.saving.deserialize_keras_object(normalization)
        is_layer = isinstance(normalization, keras.layers.Layer)
        if not is_layer and normalization not in _NORMALIZATIONS:
            allowed = ", ".join(map(repr, _NORMALIZATIONS))
            raise ValueError(
                f"`normalization` must be one of {allowed} or a keras.layers.Layer. "
                f"Received: {normalization=}"
            )
        if is_layer and getattr(normalization, "axis", -1) not in (-1, 3):
            raise ValueError(
                "`normalization` must be along the last axis, whatever the data "
                f"format is. Received: {type(normalization).__name__} with "
                f"axis={normalization.axis}"
            )
        # As a config, since a layer that is only copied is no part of this one.
        self._normalization = keras.saving.serialize_keras_object(normalization)
        self.activation = check_part("activation", activation, "activation")
        self.kernel_initializer = check_part(
            "kernel_initializer", kernel_initializer, "initializer"
        )
        self.kernel_regularizer = check_part(
            "kernel_regularizer", kernel_regularizer, "regularizer"
        )
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    @property
    def normalization(self) -> Any:
        """The argument: a name, a layer that is not built, or `None`."""
        return keras.saving.deserialize_keras_object(self._normalization)

    @property
    def shared(self) -> dict[str, Any]:
        """Arguments of the blocks that this one is made of."""
        return {
            "normalization": self.normalization,
            "activation": self.activation,
            "kernel_initializer": self.kernel_initializer,
            "kernel_regularizer": self.kernel_regularizer,
            "data_format": "channels_last",
            **self.options,
        }

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of any layer within."""
        return {"dtype": self.dtype_policy}

    @property
    def shared_by_pixels(self) -> dict[str, Any]:
        """The same for images of one pixel, which has no instance statistics."""
        is_instance = self.normalization == "instance"
        return {**self.shared, **({"normalization": None} if is_instance else {})}

    def build(self, input_shape: Shapes) -> None:
        shape = self._each_shape(last, input_shape)
        self._each_shape(self._check_channels, input_shape)
        self.prepare(shape)
        freeze_parts(self)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        images = self._each(channels_last, inputs)
        return self._each(from_channels_last, self.transform(images, training))

    def compute_output_shape(self, input_shape: Shapes) -> Shapes:
        shape = self.transformed(self._each_shape(last, input_shape))
        return self._each_shape(first, shape)

    def _check_channels(self, shape, data_format):
        if last(shape, data_format)[-1] is None:
            raise ValueError(
                f"The layer {self.name!r} has to know the channels of its inputs. "
                f"Received: inputs of shape {tuple(shape)}, {data_format=}"
            )

    def _each(self, function, images):
        convert = functools.partial(function, data_format=self.data_format)
        return keras.tree.map_structure(convert, images)

    def _each_shape(self, function, shape):
        convert = functools.partial(function, data_format=self.data_format)
        return keras.tree.map_shape_structure(convert, shape)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "normalization": self._normalization,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": serialize(self.kernel_initializer),
            "kernel_regularizer": serialize(self.kernel_regularizer),
            "data_format": self.data_format,
        }


def make_normalization(normalization, channels, **options):
    """Returns the layer for an argument `normalization` that is not `None`."""
    match normalization:
        case "batch":
            return BatchNormalization(**options)
        case "layer":
            return keras.layers.LayerNormalization(**options)
        case "instance":
            return keras.layers.GroupNormalization(-1, **options)
        case "group":
            groups = math.gcd(channels, 32)
            while groups > 1 and channels < 4 * groups:
                groups //= 2
            return keras.layers.GroupNormalization(groups, **options)
    config = {**normalization.get_config(), **options}
    del config["name"]
    kind = type(normalization)
    if kind is keras.layers.BatchNormalization:
        kind = BatchNormalization
    return kind.from_config(config)


class Chain(keras.layers.Layer):
    """Layers of which each takes what the one before returns.

    A `keras.Sequential` is built for images of one size.

    Args:
        layers: Sequence of `keras.layers.Layer`.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(self, layers, **kwargs):
        super().__init__(**kwargs)
        self.layers = list(layers)

    def build(self, input_shape):
        for layer in self.layers:
            layer.build(input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def call(self, inputs, training=None):
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs

    def compute_output_shape(self, input_shape):
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape
