"""DropConnect of a convolution."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_integers, check_seed
from kdl.layers.dropout.dropout import drop
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class DropConnectConv2D(keras.layers.Conv2D):
    """A `Conv2D` layer that drops connections, rather than units, in training.

    Each training call sets every entry of the kernel to zero with probability `rate`
    and divides the rest by `1 - rate`, so that the kernel keeps its expected value.
    The mask is that of the call: all positions and all examples share it. The bias is
    never dropped. Inference uses the kernel as it is.

    Keras's `SpatialDropout2D` drops whole channels, all connections of one at a time,
    and its `Dropout` single values, of which the neighbours in an image say much the
    same. What an entry of a kernel contributes is missing all over the image.

    The paper drops the connections of dense layers; this is its method on the kernel
    of a convolution. `kdl.layers.DropConnectDense` is the layer of the paper.

    Args:
        filters: Positive integer. Number of channels of the outputs.
        kernel_size: Positive integer or pair of them. Height and width of the kernel,
            in pixels.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a connection
            is dropped. A kernel has fewer connections to spare than a dense layer: 0.1
            to 0.3.
        seed: Optional integer. Makes the sequence of masks reproducible on a given
            backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Conv2D`, such as `activation`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or
            `(batch, channels, height, width)` with `data_format="channels_first"`.
        training: Boolean. Whether to drop connections. Defaults to `False`.

    Returns:
        Tensor of the shape that `keras.layers.Conv2D` returns, and of the layer's
        compute dtype.

    Raises:
        ValueError: If `rate` is outside its interval.

    Example:

    >>> layer = kdl.layers.DropConnectConv2D(8, 3, rate=0.2, activation="relu")
    >>> outputs = layer(keras.ops.ones((2, 16, 16, 3)), training=True)

    References:
        - [Wan et al., 2013](https://proceedings.mlr.press/v28/wan13.html)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        rate: FloatOrSchedule,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        filters = check_integer("filters", filters, "[1, inf)")
        kernel_size = check_integers("kernel_size", kernel_size, "[1, inf)", 2)
        super().__init__(filters, kernel_size, **kwargs)
        self.rate = number("rate", rate, "[0, 1)")
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        rate = now(self.rate, training)
        if not training:
            return super().call(inputs)
        # JAX and torch fail to drop a variable.
        kernel = ops.cast(self.kernel, self.compute_dtype)
        kernel = drop(kernel, rate, self.seed_generator)
        outputs = self.convolution_op(inputs, kernel)
        if self.use_bias:
            last = self.data_format == "channels_last"
            shape = (1, 1, 1, -1) if last else (1, -1, 1, 1)
            outputs = ops.add(outputs, ops.reshape(self.bias, shape))
        return self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        rate = keras.saving.serialize_keras_object(self.rate)
        return {**super().get_config(), "rate": rate, "seed": self.seed}
