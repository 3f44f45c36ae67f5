"""VGG."""

from collections.abc import Sequence

import keras

from kdl.layers import VGGBlock
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


def vgg(
    input_shape: Sequence[int | None],
    classes: int | None = None,
    filters: Sequence[int] = (64, 128, 256, 512, 512),
    depth: int | Sequence[int] = (2, 2, 3, 3, 3),
    units: Sequence[int] = (),
    order: str = "CBR",
    rate: FloatOrSchedule = 0.0,
    normalization: Normalization | None = "batch",
    activation: ActivationLike = "relu",
    kernel_regularizer: RegularizerLike | None = None,
    name: str = "vgg",
) -> keras.Model:
    """Returns a VGG: stages of convolutions of 3 by 3, each with a pooling at its end.

    Its defaults are those of VGG-16, with batch normalization, and with the mean over
    the image in place of the two dense layers that hold nine tenths of its weights.
    `published("vgg16")` is the paper's.

    Args:
        input_shape: Sequence of height, width and channels, which come last. Height and
            width may be `None` without `units`.
        classes: Optional integer in `[1, inf)`. Number of logits. Defaults to `None`,
            for the images after the last stage.
        filters: Sequence of integers in `[1, inf)`. Channels of each stage. Defaults to
            the paper's.
        depth: Integer in `[1, inf)`, or one for each stage. Convolutions of a stage.
            Defaults to those of VGG-16.
        units: Sequence of integers in `[1, inf)`. Units of each dense layer before the
            logits, `(4096, 4096)` in the paper. With some, the images are flattened.
            Defaults to `()`.
        order: String. Order of a block's parts, as of `kdl.layers.ConvBlock`. Defaults
            to `"CBR"`.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that what a dense
            layer takes is dropped, 0.5 in the paper. Defaults to `0.0`.
        normalization: As of `kdl.layers.ConvBlock`. Defaults to `"batch"`.
        activation: Likewise, also of the dense layers. Defaults to `"relu"`.
        kernel_regularizer: Likewise. Defaults to `None`.
        name: String. Name of the model. Defaults to `"vgg"`.

    Returns:
        `keras.Model` of logits of shape `(batch, classes)`, or of images of shape
        `(batch, height / 2**stages, width / 2**stages, channels)`, rounded up.

    Raises:
        ValueError: If an argument is not as described, or if the images are smaller
            than `2**stages`.

    Example:

    >>> model = kdl.models.vgg((28, 28, 1), 10, filters=(16, 32, 64), depth=1)

    References:
        - [Simonyan and Zisserman, 2015](https://arxiv.org/abs/1409.1556)
    """
    filters, units = check_filters("filters", filters), check_units(units)
    depth = check_each("depth", depth, len(filters))
    inputs, x = begin(input_shape, rate, kernel_regularizer)
    check_size(inputs.shape[1:], 2 ** len(filters), "VGG")
    block = {
        "order": order,
        "normalization": normalization,
        "activation": activation,
        "kernel_regularizer": kernel_regularizer,
        **LAST,
    }
    for place, (channels, count) in enumerate(zip(filters, depth, strict=True), 1):
        x = VGGBlock(channels, count, name=f"stage_{place}", **block)(x)
    return finish(
        inputs,
        x,
        classes,
        rate,
        name,
        units=units,
        activation=activation,
        kernel_regularizer=kernel_regularizer,
        pooled=not units,
    )
