"""Spatial pyramid pooling."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_integer
from kdl.layers.data_format import channels_last, check_size, resolve
from kdl.typing import DataFormat, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class SpatialPyramidPooling2D(keras.layers.Layer):
    """Pools images of any size into a fixed number of regions.

    For each `n` of `bins`, an image is cut into `n` by `n` regions, or into `rows` by
    `columns` for a pair. Their rows, and likewise their columns, are

        floor(i * size / n), …, ceil((i + 1) * size / n) - 1,  i = 0, …, n - 1

    and each region becomes its largest or its mean value. Regions share a row where
    `n` does not divide the height, and have it for themselves where it does.

    Keras's `AdaptiveMaxPooling2D` makes one such grid, and on TensorFlow wants to know
    the size of the images beforehand. A pyramid of grids describes a whole image and
    its parts at once, so that dense layers can follow convolutions of any size.

    The paper chooses windows and strides for each size so that, where `n` does not
    divide it, they cover about the same regions. TensorFlow Addons' layer cuts the
    rest of the image off. Means are taken in float32, whatever the dtype.

    Args:
        bins: Sequence of integers in `[1, inf)`, or of pairs of such. Regions of a
            side, or rows and columns of regions, for each grid. The paper's are
            `(1, 2, 3, 6)`. Defaults to `(1, 2, 4)`.
        mode: `"max"` or `"average"`. What becomes of a region. Defaults to `"max"`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.

    Returns:
        Tensor of shape `(batch, regions, channels)`, or with the channels before the
        regions: `sum(n * n for n in bins)` of them, or `rows * columns` of a pair, grid
        by grid and row by row.

    Raises:
        ValueError: If an argument is outside its interval, or if an image whose size
            is known is smaller than the largest of `bins`. In a graph of unknown
            size, such an image has regions that share its pixels.

    Example:

    >>> layer = kdl.layers.SpatialPyramidPooling2D((1, 2, 3))
    >>> outputs = layer(keras.ops.ones((1, 13, 9, 8)))
    >>> outputs.shape[1]
    14

    References:
        - [He et al., 2014](https://arxiv.org/abs/1406.4729)
    """

    def __init__(
        self,
        bins: Sequence[int | Sequence[int]] = (1, 2, 4),
        mode: Literal["max", "average"] = "max",
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bins = check_bins(bins)
        self.mode = check_choice("mode", mode, ("max", "average"))
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: Shape) -> None:
        check_size(self, input_shape, largest(self.bins), "the largest of `bins`")

    def call(self, inputs: Tensor) -> Tensor:
        check_size(self, inputs.shape, largest(self.bins), "the largest of `bins`")
        inputs = channels_last(inputs, self.data_format)
        batch, *_, channels = ops.shape(inputs)
        grids = [
            ops.reshape(
                adaptive_pool(inputs, grid, self.mode),
                (batch, grid[0] * grid[1], channels),
            )
            for grid in map(grid_of, self.bins)
        ]
        outputs = ops.concatenate(grids, axis=1)
        if self.data_format == "channels_first":
            outputs = ops.transpose(outputs, (0, 2, 1))
        return outputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        regions = sum(rows * columns for rows, columns in map(grid_of, self.bins))
        if self.data_format == "channels_first":
            return input_shape[0], input_shape[1], regions
        return input_shape[0], regions, input_shape[3]

    def get_config(self) -> dict[str, Any]:
        own = {"bins": list(self.bins), "mode": self.mode}
        return {**super().get_config(), **own, "data_format": self.data_format}


def check_bins(bins):
    """Returns `bins` as a tuple of positive integers, or of pairs, one or more."""
    if not isinstance(bins, (list, tuple)) or not bins:
        raise ValueError(
            "`bins` must be a sequence of integers in [1, inf), or of pairs of them. "
            f"Received: bins={bins!r}"
        )
    return tuple(
        tuple(check_integer("bins", n, "[1, inf)") for n in part)
        if isinstance(part, (list, tuple)) and len(part) == 2
        else check_integer("bins", part, "[1, inf)")
        for part in bins
    )


def grid_of(part):
    """Returns rows and columns of regions for one of `bins`."""
    return part if isinstance(part, tuple) else (part, part)


def largest(bins):
    """Returns the most rows and the most columns of regions."""
    return tuple(map(max, zip(*map(grid_of, bins), strict=True)))


def adaptive_pool(inputs, grid, mode):
    """Pools images whose channels are last into rows and columns of regions."""
    dtype = inputs.dtype
    if mode == "average":
        # Half precision would lose the sum over a large region.
        inputs = ops.cast(inputs, "float32")
    match keras.backend.backend():
        case "torch":
            import torch

            # Slices would each be padded with zeros to the size of the image in the
            # gradient, and Keras's pooling copies the image to another format.
            name = "max" if mode == "max" else "avg"
            pool = getattr(torch.nn.functional, f"adaptive_{name}_pool2d")
            outputs = pool(inputs.permute(0, 3, 1, 2), grid).permute(0, 2, 3, 1)
        case _:
            reduce = ops.max if mode == "max" else ops.mean
            rows, columns = grid
            outputs = _pool_rows(inputs, rows, reduce, 1)
            outputs = _pool_rows(outputs, columns, reduce, 2)
    return ops.cast(outputs, dtype)


def _pool_rows(inputs, n, reduce, axis):
    size = ops.shape(inputs)[axis]
    regions = []
    for i in range(n):
        rows = slice(i * size // n, ((i + 1) * size + n - 1) // n)
        key = (slice(None),) * axis + (rows,)
        regions.append(reduce(inputs[key], axis=axis))
    return ops.stack(regions, axis=axis)
