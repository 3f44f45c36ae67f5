"""Plain convolutional networks."""

from collections.abc import Sequence

import keras
from keras import layers

from kdl.checks import check_boolean
from kdl.layers import ConvBlock
from kdl.models.images.parts import (
    LAST,
    begin,
    check_each,
    check_filters,
    check_size,
    check_units,
    finish,
)
from kdl.typing import ActivationLike, FloatOrSchedule, Normalization, RegularizerLike


def cnn(
    input_shape: Sequence[int | None],
    classes: int | None = None,
    filters: Sequence[int] = (32, 64),
    depth: int | Sequence[int] = 1,
    units: Sequence[int] = (128,),
    order: str = "CBR",
    rate: FloatOrSchedule = 0.0,
    connections: bool = False,
    normalization: Normalization | None = "batch",
    activation: ActivationLike = "relu",
    kernel_regularizer: RegularizerLike | None = None,
    name: str = "cnn",
) -> keras.Model:
    """Returns a plain convolutional network.

        conv_block, max_pool_2x2, conv_block, …, conv_block, flatten
        dense, dropout, …, dense

    with one or more `kdl.layers.ConvBlock` of 3 by 3 between two poolings.

    Args:
        input_shape: Sequence of height, width and channels, which come last. Height and
            width may be `None` where `classes` is.
        classes: Optional integer in `[1, inf)`. Number of logits. Defaults to `None`,
            for the images after the last convolution.
        filters: Sequence of integers in `[1, inf)`. Channels of each stage. Defaults
            to `(32, 64)`.
        depth: Integer in `[1, inf)`, or one for each stage. Convolutions of a stage.
            Defaults to `1`.
        units: Sequence of integers in `[1, inf)`. Units of each dense layer before the
            logits. Defaults to `(128,)`.
        order: String. Order of a block's parts, as of `kdl.layers.ConvBlock`. Defaults
            to `"CBR"`.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a unit of the
            dense layers is dropped. Defaults to `0.0`.
        connections: Boolean. Whether `rate` is of the connections of these layers, as
            of `kdl.layers.DropConnectDense`. Defaults to `False`.
        normalization: As of `kdl.layers.ConvBlock`. Defaults to `"batch"`.
        activation: Likewise, also of the dense layers. Defaults to `"relu"`.
        kernel_regularizer: Likewise. Defaults to `None`.
        name: String. Name of the model. Defaults to `"cnn"`.

    Returns:
        `keras.Model` of logits of shape `(batch, classes)`, or of images of shape
        `(batch, height, width, channels)`.

    Raises:
        ValueError: If an argument is not as described, or if the images are smaller
            than the poolings allow.

    Example:

    >>> model = kdl.models.cnn((8, 8, 1), classes=10)

    References:
        - [LeCun et al., 1998](https://doi.org/10.1109/5.726791)
    """
    filters, units = check_filters("filters", filters), check_units(units)
    depth = check_each("depth", depth, len(filters))
    check_boolean("connections", connections)
    inputs, x = begin(input_shape, rate, kernel_regularizer)
    check_size(inputs.shape[1:], 2 ** (len(filters) - 1), "the network")
    block = {
        "order": order,
        "normalization": normalization,
        "activation": activation,
        "kernel_regularizer": kernel_regularizer,
        **LAST,
    }
    for place, (channels, count) in enumerate(zip(filters, depth, strict=True), 1):
        if place > 1:
            x = layers.MaxPooling2D(
                padding="same", name=f"pooling_{place - 1}", **LAST
            )(x)
        for number in range(1, count + 1):
            block_name = f"stage_{place}_block_{number}"
            x = ConvBlock(channels, name=block_name, **block)(x)
    return finish(
        inputs,
        x,
        classes,
        rate,
        name,
        units=units,
        activation=activation,
        kernel_regularizer=kernel_regularizer,
        pooled=False,
        connections=connections,
    )
