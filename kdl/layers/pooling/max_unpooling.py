"""Max unpooling."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_integer
from kdl.layers.data_format import resolve
from kdl.layers.known_values import Int32Inputs, is_concrete
from kdl.layers.pooling.max_pooling_with_argmax import check_windows
from kdl.typing import DataFormat, Shape, Shapes, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class MaxUnpooling2D(Int32Inputs, keras.layers.MaxPooling2D):
    """Puts values back to the pixels that `MaxPoolingWithArgmax2D` found them at.

        outputs[b, indices[b, i, j, c], c] = values[b, i, j, c], and 0 elsewhere

    with the pixels of an image numbered row by row, as that layer numbers them. Where
    several windows have picked a pixel, it gets the mean of their values, which is
    the value itself if all are as they were pooled; `torch.nn.MaxUnpool2d` gives it
    any one of them. Keras enlarges images by copies or by interpolation only.

    Args:
        pool_size: Integer or pair of integers in `[1, inf)`. Height and width of a
            window of the pooling, in pixels. Defaults to `(2, 2)`.
        strides: Integer or pair of integers in `[1, inf)`. Pixels from one window of
            the pooling to the next. Defaults to `None`, `pool_size`.
        padding: `"valid"` or `"same"`, as of the pooling. Defaults to `"valid"`.
        output_size: Optional pair of integers in `[1, inf)`. Height and width of the
            outputs. Several sizes are pooled to one, and the indices belong to one of
            them. Defaults to `None`, the smallest size for `"valid"`, `(n - 1) *
            strides + pool_size`, and the largest for `"same"`, `n * strides`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: List of the values, a float tensor of shape `(batch, rows, columns,
            channels)`, or with the channels first, and of their indices, an integer
            tensor of the same shape.

    Returns:
        Tensor of shape `(batch, height, width, channels)`, or with the channels first.

    Raises:
        ValueError: If an argument is none of those described, if `output_size` is not
            pooled to the shape of the inputs, or if an index is no pixel of the
            outputs. The last can be known outside a graph only; within one, such an
            index is left to the backend.

    Example:

    >>> inputs = keras.ops.ones((1, 5, 5, 3))
    >>> pooled = kdl.layers.MaxPoolingWithArgmax2D()(inputs)
    >>> outputs = kdl.layers.MaxUnpooling2D(output_size=(5, 5))(pooled)

    References:
        - [Zeiler and Fergus, 2014](https://arxiv.org/abs/1311.2901)
        - [Badrinarayanan et al., 2017](https://arxiv.org/abs/1511.00561)
    """

    def __init__(
        self,
        pool_size: int | Sequence[int] = (2, 2),
        strides: int | Sequence[int] | None = None,
        padding: Literal["valid", "same"] = "valid",
        output_size: Sequence[int] | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        windows = check_windows(pool_size, strides, padding)
        super().__init__(*windows, resolve(data_format), **kwargs)
        self.output_size = output_size
        if output_size is not None:
            if not isinstance(output_size, (list, tuple)) or len(output_size) != 2:
                raise ValueError(
                    "`output_size` must be a pair of integers in [1, inf). Received: "
                    f"output_size={output_size!r}"
                )
            self.output_size = tuple(
                check_integer("output_size", size, "[1, inf)") for size in output_size
            )
        self.input_spec = [keras.InputSpec(ndim=4), keras.InputSpec(ndim=4)]

    def build(self, input_shape: Shapes) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        values, indices = inputs
        shape, is_last = ops.shape(values), self.data_format == "channels_last"
        batch, channels = shape[0], shape[3 if is_last else 1]
        height, width = self._size(shape[1:3] if is_last else shape[2:4])
        if is_concrete(indices):
            _check_indices(indices, height, width)
        # Clipped, as a cast would make pixels of the outputs of some that are not.
        pixels, axis, dtype = height * width, 1 if is_last else 2, values.dtype
        indices = ops.cast(ops.clip(indices, -1, pixels), "int32")
        count = math.prod(shape[1:3] if is_last else shape[2:4])
        flat = (batch, count, channels) if is_last else (batch, channels, count)
        values, indices = ops.reshape(values, flat), ops.reshape(indices, flat)
        if self._overlaps():
            # In float32, where means of equal values are these values.
            values = ops.cast(values, "float32")
            counts = _scatter(ops.ones_like(values), indices, pixels, axis, add=True)
            outputs = _scatter(values, indices, pixels, axis, add=True)
            outputs = ops.cast(outputs / ops.maximum(counts, 1), dtype)
        else:
            outputs = _scatter(values, indices, pixels, axis)
        if is_last:
            return ops.reshape(outputs, (batch, height, width, channels))
        return ops.reshape(outputs, (batch, channels, height, width))

    def compute_output_shape(self, input_shape: Shapes) -> Shape:
        shape, other = map(tuple, input_shape)
        pairs = zip(shape, other, strict=True)
        if any(None not in pair and pair[0] != pair[1] for pair in pairs):
            raise ValueError(
                "MaxUnpooling2D takes values and indices of the same shape. Received: "
                f"values of shape {shape}, indices of shape {other}"
            )
        first = 1 if self.data_format == "channels_last" else 2
        size = shape[first : first + 2]
        if self.output_size is not None:
            pooled = map(self._pooled, self.output_size, range(2))
            if any(n not in (None, m) for n, m in zip(size, pooled, strict=True)):
                raise ValueError(
                    "`output_size` of MaxUnpooling2D must be a size that is pooled to "
                    f"that of the inputs. Received: output_size={self.output_size}, "
                    f"inputs of shape {shape}, pool_size={self.pool_size}, "
                    f"strides={self.strides}, padding={self.padding!r}"
                )
        return *shape[:first], *self._size(size), *shape[first + 2 :]

    def compute_output_spec(self, inputs: Tensor) -> Any:
        shape = self.compute_output_shape([x.shape for x in inputs])
        return keras.KerasTensor(shape, self.compute_dtype)

    def _overlaps(self):
        return any(
            stride < pool
            for pool, stride in zip(self.pool_size, self.strides, strict=True)
        )

    def _size(self, size):
        if self.output_size is not None:
            return self.output_size
        if self.padding == "same":
            pairs = zip(size, self.strides, strict=True)
            return tuple(n if n is None else n * stride for n, stride in pairs)
        return tuple(
            n if n is None else (n - 1) * stride + pool
            for n, stride, pool in zip(size, self.strides, self.pool_size, strict=True)
        )

    def _pooled(self, size, axis):
        pool, stride = self.pool_size[axis], self.strides[axis]
        if self.padding == "same":
            return -(-size // stride)
        return (size - pool) // stride + 1

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_size": self.output_size}


def _check_indices(indices, height, width):
    if 0 in indices.shape:
        return
    low, high = int(ops.min(indices)), int(ops.max(indices))
    if low < 0 or high >= height * width:
        raise ValueError(
            f"`indices` of MaxUnpooling2D must be in [0, {height * width}), the pixels "
            f"of its outputs of {height} by {width}. Received: indices from {low} to "
            f"{high}"
        )


def _scatter(values, indices, pixels, axis, add=False):
    """Places values along an axis of so many pixels, the other one the channels'."""
    match keras.backend.backend():
        case "torch":
            import torch

            shape = list(values.shape)
            shape[axis] = pixels
            zeros = torch.zeros(shape, dtype=values.dtype, device=values.device)
            scatter = zeros.scatter_add if add else zeros.scatter
            return scatter(axis, indices.long(), values)
    # All places of the outputs numbered, in their order.
    batch, channels = ops.shape(values)[0], ops.shape(values)[3 - axis]
    first = ops.arange(batch, dtype="int32")[:, None, None]
    channel = ops.arange(channels, dtype="int32")
    if axis == 1:
        places = (first * pixels + indices) * channels + channel
    else:
        places = (first * channels + channel[:, None]) * pixels + indices
    return ops.scatter_update(
        ops.zeros((batch * pixels * channels,), values.dtype),
        ops.reshape(places, (-1, 1)),
        ops.reshape(values, (-1,)),
        reduction="add" if add else None,
    )
