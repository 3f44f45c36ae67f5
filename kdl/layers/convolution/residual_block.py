"""The block of residual networks."""

from typing import Any, Literal

import keras

from kdl.checks import check_boolean, check_choice, check_integer, check_seed
from kdl.layers.convolution.conv_block import ConvBlock
from kdl.layers.convolution.image_block import Chain, ImageBlock
from kdl.layers.data_format import strided
from kdl.layers.dropout.stochastic_depth import StochasticDepth
from kdl.schedules import number
from kdl.schedules.number import Number
from kdl.typing import FloatOrSchedule, Shapes, Tensor


class Residual(ImageBlock):
    """Layers in a row with a shortcut around them, by which they may be dropped.

    A block says in `branch_of(channels)` which layers, and in `width` how many channels
    come out.

    Args:
        filters: Integer in `[1, inf)`. Channels.
        strides: Integer in `[1, inf)`. Factor by which height and width shrink.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that the layers are
            dropped. Defaults to `0.0`.
        mode: `"batch"` or `"row"`, as of `StochasticDepth`. Defaults to `"row"`.
        seed: Optional integer. Defaults to `None`.
        **kwargs: Arguments of `ImageBlock`.
    """

    def __init__(
        self,
        filters: int,
        strides: int,
        rate: FloatOrSchedule = 0.0,
        mode: Literal["batch", "row"] = "row",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters, "[1, inf)")
        self.strides = check_integer("strides", strides, "[1, inf)")
        self.rate = number("rate", rate, "[0, 1)")
        self.mode = check_choice("mode", mode, ("batch", "row"))
        self.seed = check_seed("seed", seed)

    @property
    def width(self) -> int:
        return self.filters

    def keeps_shape(self, channels: int) -> bool:
        """Whether the outputs have the shape of inputs of so many channels."""
        return self.strides == 1 and channels == self.width

    def prepare(self, shape: Shapes) -> None:
        self.branch = Chain(self.branch_of(shape[-1]), **self.options)
        is_dropped = self.keeps_shape(shape[-1]) and self.rate != 0
        if isinstance(self.rate, Number):
            self.rate.is_used = is_dropped
        if is_dropped:
            options = {"mode": self.mode, "seed": self.seed, **self.options}
            self.branch = StochasticDepth(self.branch, **options)
            # One number for both, which a callback sees once.
            self.branch.rate = self.rate
        self.branch.build(shape)

    def transformed(self, shape: Shapes) -> Shapes:
        batch, *size, _ = shape
        return batch, *(strided(side, self.strides) for side in size), self.width

    def get_config(self) -> dict[str, Any]:
        own = {
            "filters": self.filters,
            "strides": self.strides,
            "rate": keras.saving.serialize_keras_object(self.rate),
            "mode": self.mode,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="kdl")
class ResidualBlock(Residual):
    """Two convolutions with a shortcut around them, the block of ResNet-18 and -34.

        outputs = relu(inputs + CB(CBR(inputs)))
        outputs = inputs + BRC(BRC(inputs))      with `preactivation`

    in the letters of `ConvBlock`. Where the shape changes, a convolution of 1 by 1
    takes the place of the inputs. A block need only learn what to add, and its
    gradient passes by the shortcut undiminished, so that networks may be deep. Keras
    has whole networks of the larger `BottleneckBlock`, and no block.

    With a `rate`, the convolutions are dropped at random in training, as by
    `StochasticDepth`, though never where the shape changes.

    With `preactivation`, the convolution of a shortcut sees the inputs as they are,
    where the paper's code normalizes them first. As to padding, see `ConvBlock`.

    Args:
        filters: Integer in `[1, inf)`. Channels of the outputs.
        strides: Integer in `[1, inf)`. Factor by which height and width shrink, in the
            first convolution. Defaults to `1`.
        preactivation: Boolean. Whether normalization and activation come before each
            convolution. Such a network needs both once more at its end. Defaults to
            `False`.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that the convolutions
            are dropped. Usually it grows with depth: see
            `StochasticDepth.linear_rates`. Defaults to `0.0`.
        mode: `"batch"` or `"row"`, as of `StochasticDepth`, where it is said when the
            first one saves time. Defaults to `"row"`.
        seed: Optional integer. Makes the sequence of draws reproducible on a given
            backend. Defaults to `None`.
        **kwargs: `normalization`, `activation`, `kernel_initializer`,
            `kernel_regularizer` and `data_format`, as of `kdl.layers.ConvBlock`, and
            arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`, or with the
            channels first. Height and width may be `None`.
        training: Boolean. Whether to drop, and what batch normalization is told.
            Defaults to `None`: what Keras says of the call of the model.

    Returns:
        Tensor of shape `(batch, ceil(height / strides), ceil(width / strides),
        filters)`, or with the channels first.

    Raises:
        ValueError: If an argument is not as described, or if in the mode `"batch"` the
            penalty of the kernels follows a schedule.

    Example:

    >>> layer = kdl.layers.ResidualBlock(8, strides=2)
    >>> outputs = layer(keras.ops.ones((1, 16, 16, 4)))

    References:
        - [He et al., 2016a](https://arxiv.org/abs/1512.03385)
        - [He et al., 2016b](https://arxiv.org/abs/1603.05027), preactivation
        - [Huang et al., 2016](https://arxiv.org/abs/1603.09382), stochastic depth
    """

    def __init__(
        self,
        filters: int,
        strides: int = 1,
        preactivation: bool = False,
        rate: FloatOrSchedule = 0.0,
        mode: Literal["batch", "row"] = "row",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, strides, rate, mode, seed, **kwargs)
        self.preactivation = check_boolean("preactivation", preactivation)

    def branch_of(self, channels: int) -> list[keras.Layer]:
        return self.convolutions((self.filters, 3, self.strides), (self.filters, 3, 1))

    def prepare(self, shape: Shapes) -> None:
        super().prepare(shape)
        self.projection = None
        if not self.keeps_shape(shape[-1]):
            order = "C" if self.preactivation else "CB"
            self.projection = ConvBlock(
                self.width, 1, self.strides, order=order, **self.shared
            )
            self.projection.build(shape)

    def convolutions(self, *sizes: tuple[int, int, int]) -> list[keras.Layer]:
        """Blocks of so many filters, kernel size and strides each."""
        orders = ["CBR"] * (len(sizes) - 1) + ["CB"]
        if self.preactivation:
            orders = ["BRC"] * len(sizes)
        return [
            ConvBlock(*size, order=order, **self.shared)
            for size, order in zip(sizes, orders, strict=True)
        ]

    def transform(self, images: Tensor, training: bool | None) -> Tensor:
        outputs = self.branch(images, training=training)
        if self.projection is not None:
            images = self.projection(images, training=training)
        outputs = images + outputs
        return outputs if self.preactivation else self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "preactivation": self.preactivation}
