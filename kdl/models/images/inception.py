"""Inception."""

import math
from collections.abc import Sequence
from typing import Literal

import keras
from keras import layers

from kdl.checks import check_integer, check_number
from kdl.layers import ConvBlock, InceptionBlock
from kdl.models.images.parts import (
    LAST,
    begin,
    check_size,
    finish,
    stem_factor,
    stem_layers,
)
from kdl.typing import ActivationLike, FloatOrSchedule, Normalization, RegularizerLike

# The rows of the paper's first table, those between two poolings in one tuple.
GOOGLENET = (
    ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
)


def inception(
    input_shape: Sequence[int | None],
    classes: int | None = None,
    stages: Sequence[Sequence[Sequence[int]]] = GOOGLENET,
    width: float = 1.0,
    stem: Literal["small", "pooled", "large"] = "large",
    rate: FloatOrSchedule = 0.0,
    normalization: Normalization | None = "batch",
    activation: ActivationLike = "relu",
    kernel_regularizer: RegularizerLike | None = None,
    name: str = "inception",
) -> keras.Model:
    """Returns an Inception: stages of convolutions of several sizes side by side.

    Its defaults are GoogLeNet with batch normalization, and without the two classifiers
    that help to train it from within. `published("googlenet")` is the paper's.

    Args:
        input_shape: Sequence of height, width and channels, which come last. Height and
            width may be `None`.
        classes: Optional integer in `[1, inf)`. Number of logits. Defaults to `None`,
            for the images after the last stage.
        stages: Sequence of stages, between which a pooling halves the images, each a
            sequence of `filters` of `kdl.layers.InceptionBlock`. Defaults to those of
            GoogLeNet.
        width: Float in `(0, inf)`. By which all channels are multiplied, rounded up.
            Defaults to `1.0`.
        stem: `"small"`, a convolution of 3 by 3; `"pooled"`, the same and a pooling;
            or `"large"`, the paper's three convolutions and two poolings, which divide
            a side by eight. Defaults to `"large"`.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a channel's mean
            is dropped before the dense layer, 0.4 in the paper. Defaults to `0.0`.
        normalization: As of `kdl.layers.ConvBlock`. Defaults to `"batch"`.
        activation: Likewise. Defaults to `"relu"`.
        kernel_regularizer: Likewise, also of the dense layer. Defaults to `None`.
        name: String. Name of the model. Defaults to `"inception"`.

    Returns:
        `keras.Model` of logits of shape `(batch, classes)`, or of images of shape
        `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is not as described, or if the images are smaller
            than stem and poolings divide them.

    Example:

    >>> stages = [[(64, 96, 128, 16, 32, 32)], [(192, 96, 208, 16, 48, 64)]]
    >>> model = kdl.models.inception((28, 28, 1), 10, stages, width=0.2, stem="pooled")

    References:
        - [Szegedy et al., 2015](https://arxiv.org/abs/1409.4842)
    """
    check_number("width", width, "(0, inf)")
    _check_stages(stages)
    inputs, x = begin(input_shape, rate, kernel_regularizer)
    factor = stem_factor(stem) * (2 if stem == "large" else 1)
    check_size(inputs.shape[1:], factor * 2 ** (len(stages) - 1), "Inception")
    block = {
        "normalization": normalization,
        "activation": activation,
        "kernel_regularizer": kernel_regularizer,
        **LAST,
    }
    x = stem_layers(x, stem, _channels(64, width), **block)
    if stem == "large":
        x = ConvBlock(_channels(64, width), 1, name="stem_2", **block)(x)
        x = ConvBlock(_channels(192, width), name="stem_3", **block)(x)
        x = _pooled(x, "stem_pooling_2")
    for place, rows in enumerate(stages, 1):
        if place > 1:
            x = _pooled(x, f"pooling_{place - 1}")
        for row_number, row in enumerate(rows, 1):
            filters = [_channels(one, width) for one in row]
            block_name = f"stage_{place}_block_{row_number}"
            x = InceptionBlock(filters, name=block_name, **block)(x)
    return finish(inputs, x, classes, rate, name, kernel_regularizer=kernel_regularizer)


def _check_stages(stages):
    def are(parts, is_part):
        is_list = isinstance(parts, (list, tuple)) and len(parts) > 0
        return is_list and all(map(is_part, parts))

    def is_row(row):
        return are(row, lambda value: True) and len(row) == 6

    if not are(stages, lambda stage: are(stage, is_row)):
        raise ValueError(
            "`stages` must be a sequence of stages, each a sequence of the six "
            f"`filters` of kdl.layers.InceptionBlock. Received: stages={stages!r}"
        )
    for value in (value for stage in stages for row in stage for value in row):
        check_integer("stages", value, "[1, inf)")


def _channels(filters, width):
    return math.ceil(filters * width)


def _pooled(x, name):
    return layers.MaxPooling2D(3, 2, "same", name=name, **LAST)(x)
