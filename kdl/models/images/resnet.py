"""Residual networks."""

from collections.abc import Sequence
from typing import Literal

import keras
from keras import layers

from kdl.checks import check_boolean
from kdl.layers import BottleneckBlock, ResidualBlock
from kdl.layers.convolution.image_block import make_normalization
from kdl.models.images.parts import (
    LAST,
    begin,
    check_each,
    check_filters,
    check_size,
    depth_rates,
    finish,
    stem_factor,
    stem_layers,
)
from kdl.typing import ActivationLike, FloatOrSchedule, Normalization, RegularizerLike


def resnet(
    input_shape: Sequence[int | None],
    classes: int | None = None,
    filters: Sequence[int] = (64, 128, 256, 512),
    depth: int | Sequence[int] = 2,
    bottleneck: bool = False,
    preactivation: bool = False,
    strides_first: bool = False,
    stem: Literal["small", "pooled", "large"] = "large",
    rate: FloatOrSchedule = 0.0,
    depth_rate: float | Sequence[FloatOrSchedule] = 0.0,
    normalization: Normalization | None = "batch",
    activation: ActivationLike = "relu",
    kernel_regularizer: RegularizerLike | None = None,
    name: str = "resnet",
) -> keras.Model:
    """Returns a residual network: stages of blocks with shortcuts around them.

    Its defaults are those of ResNet-18. For images of up to some 64 pixels a side,
    three stages with a smaller stem suffice.

    Args:
        input_shape: Sequence of height, width and channels, which come last. Height and
            width may be `None`.
        classes: Optional integer in `[1, inf)`. Number of logits. Defaults to `None`,
            for the images after the last stage.
        filters: Sequence of integers in `[1, inf)`. Channels of each stage, of a
            bottleneck within. From the second on, a stage halves the images. Defaults
            to the paper's.
        depth: Integer in `[1, inf)`, or one for each stage. Blocks of a stage.
            Defaults to `2`.
        bottleneck: Boolean. Whether blocks are `kdl.layers.BottleneckBlock`, with four
            times the channels outside, and not `kdl.layers.ResidualBlock`. Defaults to
            `False`.
        preactivation: Boolean. Whether normalization and activation come before each
            convolution, as in the second form of such networks. Defaults to `False`.
        strides_first: Boolean. Whether the first convolution of a bottleneck has the
            strides, as in the paper and in Keras, and not the second one. Defaults to
            `False`.
        stem: `"small"`, a convolution of 3 by 3; `"pooled"`, the same and a pooling;
            or `"large"`, the paper's convolution of 7 by 7 and pooling, which divide a
            side by four. Defaults to `"large"`.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a channel's mean
            is dropped before the dense layer. Defaults to `0.0`.
        depth_rate: Float in `[0, 1)`. Probability that the last block is dropped; those
            of the others rise to it from 0 in even steps. Or a sequence of numbers or
            schedules, one for each block. Defaults to `0.0`.
        normalization: As of `kdl.layers.ConvBlock`. Defaults to `"batch"`.
        activation: Likewise. Defaults to `"relu"`.
        kernel_regularizer: Likewise, also of the dense layer. Defaults to `None`.
        name: String. Name of the model. Defaults to `"resnet"`.

    Returns:
        `keras.Model` of logits of shape `(batch, classes)`, or of images of shape
        `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is not as described, or if the images are smaller
            than stem and stages divide them.

    Example:

    >>> model = kdl.models.resnet((28, 28, 1), 10, (24, 48, 96), depth=1, stem="pooled")

    References:
        - [He et al., 2016a](https://arxiv.org/abs/1512.03385)
        - [He et al., 2016b](https://arxiv.org/abs/1603.05027), preactivation
        - [Huang et al., 2016](https://arxiv.org/abs/1603.09382), stochastic depth
    """
    filters = check_filters("filters", filters)
    depth = check_each("depth", depth, len(filters))
    rates = iter(depth_rates(depth_rate, sum(depth)))
    inputs, x = begin(input_shape, rate, depth_rate, kernel_regularizer)
    factor = stem_factor(stem) * 2 ** (len(filters) - 1)
    check_size(inputs.shape[1:], factor, "ResNet")
    block = {
        "normalization": normalization,
        "activation": activation,
        "kernel_regularizer": kernel_regularizer,
        **LAST,
    }
    # What comes before a shortcut is normalized by the first block then.
    stem_order = "C" if check_boolean("preactivation", preactivation) else "CBR"
    x = stem_layers(x, stem, filters[0], order=stem_order, **block)
    options = {"preactivation": preactivation, **block}
    kind = ResidualBlock
    if check_boolean("bottleneck", bottleneck):
        kind = BottleneckBlock
        options["strides_first"] = strides_first
    for place, (channels, count) in enumerate(zip(filters, depth, strict=True), 1):
        for block_number in range(1, count + 1):
            strides = 2 if place > 1 and block_number == 1 else 1
            block_name = f"stage_{place}_block_{block_number}"
            dropped = {"rate": next(rates), "name": block_name}
            x = kind(channels, strides, **dropped, **options)(x)
    if preactivation:
        if normalization is not None:
            x = make_normalization(
                normalization, x.shape[-1], name="last_normalization"
            )(x)
        x = layers.Activation(activation, name="last_activation")(x)
    return finish(inputs, x, classes, rate, name, kernel_regularizer=kernel_regularizer)
