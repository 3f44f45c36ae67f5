"""DropBlock."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_seed
from kdl.layers.data_format import check_size, from_channels_last, last, resolve
from kdl.schedules import now, number
from kdl.typing import DataFormat, FloatOrSchedule, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class DropBlock2D(keras.layers.Layer):
    """Drops square regions of feature maps in training.

    Each feature map of each example has squares of `block_size` set to zero, whose
    corners are drawn independently, with probability

        rate / block_size ** 2 * height * width / (valid_height * valid_width)

    at each of the `valid_height * valid_width` places where a square lies within the
    map, `valid_height = height - block_size + 1`. What is left is multiplied by the
    number of all activations over that of those left, in the whole batch.

    Neighbouring activations of a convolution tell the same, so that `Dropout` of single
    ones takes little away. `keras.layers.SpatialDropout2D` drops whole maps, and
    `keras.layers.RandomErasing` masks the input of a network, which is Cutout.

    As squares overlap, a little less than `rate` is dropped.

    Args:
        rate: Float in `[0, 1)`, or a schedule of it. Share of the activations to drop.
            In the paper it grows linearly over the training, to 0.1. Defaults to `0.1`.
        block_size: Integer in `[1, inf)`. Height and width of a square; with 1 the
            layer is a `Dropout`. Defaults to `7`, as in the paper.
        seed: Optional integer. Makes the sequence of masks reproducible on a given
            backend. Defaults to `None`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first.
        training: Boolean. Whether to drop. Defaults to `False`.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype.

    Raises:
        ValueError: If an argument is outside its interval, or if a feature map is
            smaller than a square.

    Example:

    >>> layer = kdl.layers.DropBlock2D(kdl.schedules.Warmup(0.1, 1000), block_size=3)

    References:
        - [Ghiasi, Lin and Le, 2018](https://arxiv.org/abs/1810.12890)
    """

    def __init__(
        self,
        rate: FloatOrSchedule = 0.1,
        block_size: int = 7,
        seed: int | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = number("rate", rate, "[0, 1)")
        self.block_size = check_integer("block_size", block_size, "[1, inf)")
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: Shape) -> None:
        check_size(self, input_shape, [self.block_size] * 2, "its `block_size`")

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        rate = now(self.rate, training)
        if not training:
            return inputs
        kept = self._kept(rate, last(ops.shape(inputs), self.data_format))
        # Where all is dropped, nothing is left to be scaled.
        left = ops.mean(kept)
        kept = ops.cast(ops.divide_no_nan(kept, left), inputs.dtype)
        return inputs * from_channels_last(kept, self.data_format)

    def _kept(self, rate, shape):
        """Ones, and zeros in the squares, with the channels last."""
        batch, height, width, channels = shape
        size = self.block_size
        valid = height - size + 1, width - size + 1
        positions, activations = (
            ops.cast(a * b, "float32") for a, b in (valid, (height, width))
        )
        density = rate / size**2 * activations / positions
        # In float32: bfloat16 has too few numbers in [0, 1) for most rates.
        shape = (batch, *valid, channels)
        drawn = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        corners = ops.cast(drawn < density, "float32")
        # An activation is in a square if there is a corner at most so far above it and
        # to its left.
        margin = (size - 1, size - 1)
        corners = ops.pad(corners, ((0, 0), margin, margin, (0, 0)))
        # A square is a column of rows, and this much less work.
        for window in ((size, 1), (1, size)):
            corners = ops.max_pool(corners, window, 1, "valid", "channels_last")
        return 1 - corners

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": keras.saving.serialize_keras_object(self.rate),
            "block_size": self.block_size,
            "seed": self.seed,
            "data_format": self.data_format,
        }
