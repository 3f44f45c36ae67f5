"""Fractional max pooling."""

import math
from typing import Any

import keras
from keras import ops

from kdl.checks import check_boolean, check_number, check_seed
from kdl.layers.data_format import channels_last, from_channels_last, resolve
from kdl.typing import DataFormat, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class FractionalMaxPooling2D(keras.layers.Layer):
    """Shrinks images by a ratio that need not be an integer, in random regions.

    Of `size` rows, `n = floor(size / ratio)` remain. Region `i` goes from `edges[i]`
    to `edges[i + 1] - 1`, or to `edges[i + 1]` if regions overlap, where

        edges[i] = floor((size * i + s) / n),  0 < i < n,  edges[0] = 0, edges[n] = size

    with one random integer `s` if pseudo-random, so that regions differ little in
    their places, and otherwise with steps in random order. Either way each step is
    `floor(size / n)` or that and one more. Columns are drawn alike, and a draw is
    shared by the batch and its channels, as in the paper.

    Keras's pooling with strides of 2 drops three quarters of an image at a time; a
    ratio of `sqrt(2)` allows twice as many layers, and the randomness regularizes.
    At inference `s = 0`, which is always the same; the paper averages the predictions
    of several random passes, `training=True`.

    The formula is the paper's, `ceil(size / n * (i + u))` with `u` in `(0, 1)`, in
    integers, but for two things: `s` is kept where the first and the last step are
    like the others, as in `tf.nn.fractional_max_pool`, which XLA does not compile; and
    the regions cover the last row also if they do not overlap.
    `torch.nn.FractionalMaxPool2d` has regions of one fixed size instead, drawn for each
    channel; the two are the same where regions do not overlap and `ratio` is an
    integer that divides the size, and PyTorch's `kernel_size`.

    Args:
        ratio: Float in `(1, inf)`. Height and width over those of the outputs, which
            are rounded down. The paper's are in `(1, 2)`, such as `2 ** 0.5`.
        pseudo_random: Boolean. Whether regions are pseudo-random. The paper finds
            random ones better, unless with dropout or augmentation, where they may
            underfit. Defaults to `False`.
        overlapping: Boolean. Whether regions share their edges, which the paper finds
            better. Defaults to `True`.
        seed: Optional integer. Makes the sequence of regions reproducible on a given
            backend. Defaults to `None`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.
        training: Boolean. Whether to draw the regions. Defaults to `False`.

    Returns:
        Tensor of shape `(batch, floor(height / ratio), floor(width / ratio),
        channels)`, or with the channels first.

    Raises:
        ValueError: If an argument is outside its interval, or if an image whose size
            is known is smaller than `ratio`.

    Example:

    >>> layer = kdl.layers.FractionalMaxPooling2D(2**0.5)
    >>> outputs = layer(keras.ops.ones((1, 25, 25, 3)), training=True)
    >>> outputs.shape[1]
    17

    References:
        - [Graham, 2014](https://arxiv.org/abs/1412.6071)
    """

    def __init__(
        self,
        ratio: float,
        pseudo_random: bool = False,
        overlapping: bool = True,
        seed: int | None = None,
        data_format: DataFormat | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ratio = check_number("ratio", ratio, "(1, inf)")
        self.pseudo_random = check_boolean("pseudo_random", pseudo_random)
        self.overlapping = check_boolean("overlapping", overlapping)
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        shape = self.compute_output_shape(inputs.shape)
        if shape[0] == 0:
            # Of nothing, TensorFlow takes no maximum.
            return ops.zeros(shape, self.compute_dtype)
        outputs = channels_last(inputs, self.data_format)
        for axis in (1, 2):
            edges = self.edges(ops.shape(outputs)[axis], training)
            outputs = self.pool(outputs, edges, axis)
        return from_channels_last(outputs, self.data_format)

    def edges(self, size: Tensor, training: bool = False) -> Tensor:
        """Returns where the regions of `size` rows begin, and where the last one ends.

        Args:
            size: Integer, or a scalar integer tensor. Number of rows.
            training: Boolean. Whether to draw them. Defaults to `False`.

        Returns:
            Int32 tensor of shape `(floor(size / ratio) + 1,)`.
        """
        n = self._length(size)
        if training and not self.pseudo_random:
            return _random_edges(size, n, self.seed_generator)
        shift = 0
        if training:
            rest = size % n
            # Beyond it, the first or the last step would be of another length.
            shifts = ops.minimum(2 * n - rest, n + rest)
            u = keras.random.uniform((), dtype="float32", seed=self.seed_generator)
            shift = ops.floor(u * ops.cast(shifts, "float32"))
            shift = ops.minimum(ops.cast(shift, "int32"), ops.cast(shifts, "int32") - 1)
        i = ops.arange(n + 1, dtype="int32")
        edges = (size * i + shift) // n
        return ops.clip(edges, 0, size) * ops.cast(i > 0, "int32")

    def pool(self, inputs: Tensor, edges: Tensor, axis: int) -> Tensor:
        """Returns the largest values of the regions of an axis between given edges."""
        size = ops.shape(inputs)[axis]
        starts, ends = edges[:-1], edges[1:] - 1
        if self.overlapping:
            ends = ops.clip(ends + 1, 0, size - 1)
        if type(size) is int:
            widest = -(-size // self._length(size)) + self.overlapping
        else:
            # One output is of fewer than two ratios, and more are narrower each.
            widest = math.ceil(2 * self.ratio) + self.overlapping
        # Those of a narrower region repeat its last one.
        taps = ops.arange(widest, dtype="int32")
        places = ops.minimum(starts[:, None] + taps, ends[:, None])
        shape = [*ops.shape(inputs)]
        shape[axis : axis + 1] = ops.shape(starts)[0], widest
        values = ops.take(inputs, ops.reshape(places, (-1,)), axis)
        return ops.amax(ops.reshape(values, shape), axis=axis + 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        first = 1 if self.data_format == "channels_last" else 2
        shape = list(input_shape)
        for axis in (first, first + 1):
            if shape[axis] is not None:
                shape[axis] = self._length(shape[axis])
        if 0 in shape[first : first + 2]:
            raise ValueError(
                "FractionalMaxPooling2D takes images of at least `ratio` pixels a "
                f"side. Received: inputs of shape {tuple(input_shape)}, "
                f"ratio={self.ratio}, data_format={self.data_format!r}"
            )
        return tuple(shape)

    def _length(self, size):
        if type(size) is int:
            return int(size / self.ratio)
        # In the precision of Python's floats.
        length = ops.floor(ops.cast(size, "float64") / self.ratio)
        return ops.cast(length, "int32")

    def get_config(self) -> dict[str, Any]:
        own = {
            "ratio": self.ratio,
            "pseudo_random": self.pseudo_random,
            "overlapping": self.overlapping,
            "seed": self.seed,
            "data_format": self.data_format,
        }
        return {**super().get_config(), **own}


def _random_edges(size, n, seed):
    """Edges whose steps are in random order, of which `size % n` are longer."""
    noise = keras.random.uniform((n,), dtype="float32", seed=seed)
    ranks = ops.argsort(ops.argsort(noise))
    is_longer = ops.cast(ranks, "int32") < size % n
    steps = size // n + ops.cast(is_longer, "int32")
    return ops.pad(ops.cumsum(steps), ((1, 0),))
