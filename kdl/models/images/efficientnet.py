"""EfficientNet."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import keras

from kdl.checks import check_choice, check_integer, check_number
from kdl.layers import ConvBlock, InvertedResidualBlock
from kdl.models.images.parts import LAST, begin, check_size, depth_rates, finish
from kdl.typing import ActivationLike, FloatOrSchedule, Normalization, RegularizerLike


class Stage(NamedTuple):
    """A stage of an EfficientNet.

    Args:
        expansion: Integer. Channels within a block over those of its inputs.
        kernel_size: Integer. Side of the depthwise kernels.
        strides: Integer. By which the first block shrinks the images.
        filters: Integer. Channels, before the width.
        depth: Integer. Blocks, before the depth.
    """

    expansion: int
    kernel_size: int
    strides: int
    filters: int
    depth: int


# The paper's first table.
B0 = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
_MULTIPLE = 8  # Of which all channels are one.


def efficientnet(
    input_shape: Sequence[int | None],
    classes: int | None = None,
    stages: Sequence[tuple[int, int, int, int, int]] = B0,
    width: float = 1.0,
    depth: float = 1.0,
    last_filters: int = 1280,
    stem: Literal["large", "small"] = "large",
    rate: FloatOrSchedule = 0.0,
    depth_rate: float | Sequence[FloatOrSchedule] = 0.0,
    normalization: Normalization | None = "batch",
    activation: ActivationLike = "swish",
    kernel_regularizer: RegularizerLike | None = None,
    name: str = "efficientnet",
) -> keras.Model:
    """Returns an EfficientNet: stages of inverted residuals that excite channels.

    Its defaults are those of EfficientNet-B0. On a CPU, and with JAX most of all, its
    depthwise convolutions take far longer than their few operations suggest.

    Args:
        input_shape: Sequence of height, width and channels, which come last. Height and
            width may be `None`.
        classes: Optional integer in `[1, inf)`. Number of logits. Defaults to `None`,
            for the images after the last convolution.
        stages: Sequence of tuples `(expansion, kernel_size, strides, filters, depth)`,
            one for each stage. Defaults to those of B0.
        width: Float in `(0, inf)`. By which channels are multiplied, then rounded to a
            multiple of 8. Defaults to `1.0`.
        depth: Float in `(0, inf)`. By which the blocks of a stage are multiplied,
            rounded up. Defaults to `1.0`.
        last_filters: Integer in `[1, inf)`. Channels of the last convolution, before
            the width. Defaults to `1280`.
        stem: `"large"`, a convolution with strides of 2, or `"small"`, one without.
            Defaults to `"large"`.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a channel's mean
            is dropped before the dense layer, 0.2 in B0. Defaults to `0.0`.
        depth_rate: Float in `[0, 1)`. Probability that the last block is dropped, 0.2
            in the paper; those of the others rise to it from 0 in even steps. Or a
            sequence of numbers or schedules, one for each block. Defaults to `0.0`.
        normalization: As of `kdl.layers.ConvBlock`. Defaults to `"batch"`.
        activation: Likewise. Defaults to `"swish"`.
        kernel_regularizer: Likewise, also of the dense layer. Defaults to `None`.
        name: String. Name of the model. Defaults to `"efficientnet"`.

    Returns:
        `keras.Model` of logits of shape `(batch, classes)`, or of images of shape
        `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is not as described, or if the images are smaller
            than stem and stages divide them.

    Example:

    >>> stages = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2)]
    >>> model = kdl.models.efficientnet((28, 28, 1), 10, stages, last_filters=80)

    References:
        - [Tan and Le, 2019](https://arxiv.org/abs/1905.11946)
    """
    check_number("width", width, "(0, inf)")
    check_number("depth", depth, "(0, inf)")
    check_integer("last_filters", last_filters, "[1, inf)")
    check_choice("stem", stem, ("small", "large"))
    if not isinstance(stages, (list, tuple)) or not stages:
        raise ValueError(
            f"`stages` must be tuples ({', '.join(Stage._fields)}), one for each "
            f"stage. Received: stages={stages!r}"
        )
    stages = [_scaled(stage, width, depth) for stage in stages]
    strides = 2 if stem == "large" else 1
    rates = iter(depth_rates(depth_rate, sum(stage.depth for stage in stages)))
    inputs, x = begin(input_shape, rate, depth_rate, kernel_regularizer)
    factor = strides * math.prod(stage.strides for stage in stages)
    check_size(inputs.shape[1:], factor, "EfficientNet")
    block = {
        "normalization": normalization,
        "activation": activation,
        "kernel_regularizer": kernel_regularizer,
        **LAST,
    }
    x = ConvBlock(_channels(32, width), strides=strides, name="stem", **block)(x)
    for place, stage in enumerate(stages, 1):
        for block_number in range(1, stage.depth + 1):
            x = InvertedResidualBlock(
                stage.filters,
                stage.kernel_size,
                stage.strides if block_number == 1 else 1,
                stage.expansion,
                rate=next(rates),
                name=f"stage_{place}_block_{block_number}",
                **block,
            )(x)
    x = ConvBlock(_channels(last_filters, width), 1, name="last_convolution", **block)(
        x
    )
    return finish(inputs, x, classes, rate, name, kernel_regularizer=kernel_regularizer)


def _scaled(stage, width, depth):
    """The stage of five numbers, with its channels and blocks multiplied."""
    if not isinstance(stage, (list, tuple)) or len(stage) != len(Stage._fields):
        raise ValueError(
            f"`stages` must be tuples ({', '.join(Stage._fields)}), one for each "
            f"stage. Received: {stage!r}"
        )
    for name, value in zip(Stage._fields, stage, strict=True):
        check_integer(name, value, "[1, inf)")
    *others, filters, blocks = stage
    return Stage(*others, _channels(filters, width), math.ceil(blocks * depth))


def _channels(filters, width):
    """Channels by a width, a multiple of 8 that is not a tenth less."""
    wanted = filters * width
    channels = max(_MULTIPLE, int(wanted + _MULTIPLE / 2) // _MULTIPLE * _MULTIPLE)
    return channels + _MULTIPLE if channels < 0.9 * wanted else channels
