"""Max pooling that returns where the maxima were."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_integers
from kdl.layers.data_format import channels_last, from_channels_last, resolve
from kdl.typing import DataFormat, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class MaxPoolingWithArgmax2D(keras.layers.MaxPooling2D):
    """Keras's `MaxPooling2D`, which also returns the pixel of each maximum.

    A pixel is the number that it has in its image, row by row and from 0:

        index = y * width + x

    It is the first one of the window where several are largest. `MaxUnpooling2D` puts
    values back there, as the decoders of deconvolution networks and SegNet do: they
    keep contours that averages and copies blur.

    Keras's layer returns the values alone. The indices are those of
    `torch.nn.MaxPool2d(return_indices=True)`, within each example and channel; those
    of `tf.nn.max_pool_with_argmax`, which XLA does not compile, count channels too:
    `index * channels + c`.

    Args:
        pool_size: Integer or pair of integers in `[1, inf)`. Height and width of a
            window, in pixels. Defaults to `(2, 2)`.
        strides: Integer or pair of integers in `[1, inf)`. Pixels from one window to
            the next. Defaults to `None`, `pool_size`.
        padding: `"valid"`, only windows within the image, or `"same"`, windows at its
            edges as well. No maximum is in the padding. Defaults to `"valid"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.

    Returns:
        Tuple of the values and of their indices, an int32 tensor. Both have the shape
        that `MaxPooling2D` gives the values.

    Raises:
        ValueError: If an argument is none of those described, or if the image is
            smaller than a window.

    Example:

    >>> layer = kdl.layers.MaxPoolingWithArgmax2D()
    >>> values, indices = layer(keras.ops.ones((1, 4, 4, 3)))
    >>> outputs = kdl.layers.MaxUnpooling2D()([values, indices])

    References:
        - [Zeiler and Fergus, 2014](https://arxiv.org/abs/1311.2901), their "switches"
        - [Badrinarayanan et al., 2017](https://arxiv.org/abs/1511.00561)
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: Literal["valid", "same"] = "valid",
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        windows = check_windows(pool_size, strides, padding)
        super().__init__(*windows, resolve(data_format), **kwargs)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        inputs = channels_last(inputs, self.data_format)
        height, width = ops.shape(inputs)[1:3]
        if self.padding == "valid":
            values, indices = _pool(inputs, self.pool_size, self.strides)
        else:
            rows, columns = self._padding(height, 0), self._padding(width, 1)
            pads = (0, 0), rows, columns, (0, 0)
            inputs = ops.pad(inputs, pads, constant_values=-float("inf"))
            values, indices = _pool(inputs, self.pool_size, self.strides)
            # Where all is -inf, the nearest pixel that is not of the padding.
            y = indices // ops.shape(inputs)[2] - rows[0]
            x = indices % ops.shape(inputs)[2] - columns[0]
            indices = ops.clip(y, 0, height - 1) * width + ops.clip(x, 0, width - 1)
        return tuple(from_channels_last(x, self.data_format) for x in (values, indices))

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        try:
            shape = super().compute_output_shape(input_shape)
        except ValueError as error:
            raise ValueError(
                "MaxPoolingWithArgmax2D takes images of at least its `pool_size`. "
                f"Received: inputs of shape {tuple(input_shape)}, "
                f"pool_size={self.pool_size}, data_format={self.data_format!r}"
            ) from error
        return shape, shape

    def compute_output_spec(self, inputs: Tensor) -> Any:
        shape, _ = self.compute_output_shape(inputs.shape)
        values = keras.KerasTensor(shape, self.compute_dtype)
        return values, keras.KerasTensor(shape, "int32")

    def _padding(self, size, axis):
        """Pixels of padding before and after an image, as Keras divides them."""
        pool, stride = self.pool_size[axis], self.strides[axis]
        padding = (size + stride - 1) // stride * stride - stride + pool - size
        # Of a tensor where the size is unknown.
        padding = max(padding, 0) if type(padding) is int else ops.maximum(padding, 0)
        return padding // 2, padding - padding // 2


def check_windows(pool_size, strides, padding):
    """Returns the size of windows, their strides and the padding, once checked."""
    pool_size = check_integers("pool_size", pool_size, "[1, inf)", 2)
    if strides is not None:
        strides = check_integers("strides", strides, "[1, inf)", 2)
    return pool_size, strides, check_choice("padding", padding, ("valid", "same"))


def _pool(inputs, pool_size, strides):
    """Values and indices of the windows within images whose channels are last."""
    match keras.backend.backend():
        case "torch":
            import torch

            # PyTorch's own is several times as fast.
            values, indices = torch.nn.functional.max_pool2d(
                inputs.permute(0, 3, 1, 2), pool_size, strides, return_indices=True
            )
            return values.permute(0, 2, 3, 1), indices.permute(0, 2, 3, 1).int()
    # The windows' first tap, then each other one where it is larger.
    height, width = ops.shape(inputs)[1:3]
    starts, spans = [], []
    for size, pool, stride in zip((height, width), pool_size, strides, strict=True):
        count = (size - pool) // stride + 1
        starts.append(ops.arange(count, dtype="int32") * stride)
        spans.append((count - 1) * stride + 1)
    first = starts[0][:, None] * width + starts[1]
    values = indices = None
    for i in range(pool_size[0]):
        for j in range(pool_size[1]):
            rows = slice(i, i + spans[0], strides[0])
            columns = slice(j, j + spans[1], strides[1])
            value, index = inputs[:, rows, columns], first + (i * width + j)
            index = ops.broadcast_to(index[None, :, :, None], ops.shape(value))
            if values is None:
                values, indices = value, index
            else:
                is_larger = ops.logical_or(value > values, ops.isnan(value))
                values = ops.where(is_larger, value, values)
                indices = ops.where(is_larger, index, indices)
    return values, indices
