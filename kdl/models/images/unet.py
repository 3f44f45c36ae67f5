"""U-Net."""

from collections.abc import Sequence

import keras
from keras import layers

from kdl.checks import check_integer, check_optional
from kdl.layers import ConvBlock, Dropout, UNetDownBlock, UNetUpBlock
from kdl.models.images.parts import LAST, begin, check_filters, check_size
from kdl.schedules import number
from kdl.typing import ActivationLike, FloatOrSchedule, Normalization, RegularizerLike


def unet(
    input_shape: Sequence[int | None],
    classes: int | None = None,
    filters: Sequence[int] = (64, 128, 256, 512, 1024),
    depth: int = 2,
    order: str = "CBR",
    rate: FloatOrSchedule = 0.0,
    normalization: Normalization | None = "batch",
    activation: ActivationLike = "relu",
    kernel_regularizer: RegularizerLike | None = None,
    name: str = "unet",
) -> keras.Model:
    """Returns a U-Net, which says for each pixel of an image to which class it belongs.

    The way down halves the images at each level, and knows at its end what there is;
    the way up enlarges them again, beside what was kept of each level, and knows where.
    Images may have any size; a side that a level cannot halve is rounded up.

    Its defaults are those of the paper, with batch normalization and padding. The
    paper's convolutions are not padded, so that what it returns is smaller.

    Args:
        input_shape: Sequence of height, width and channels, which come last. Height and
            width may be `None`.
        classes: Optional integer in `[1, inf)`. Number of logits of each pixel.
            Defaults to `None`, for the images after the last level.
        filters: Sequence of two integers in `[1, inf)` or more. Channels of each level,
            the lowest last. Defaults to the paper's.
        depth: Integer in `[1, inf)`. Convolutions of each level, on either way.
            Defaults to `2`.
        order: String. Order of a block's parts, as of `kdl.layers.ConvBlock`. Defaults
            to `"CBR"`.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a number at the
            end of the way down is dropped. Defaults to `0.0`.
        normalization: As of `kdl.layers.ConvBlock`. Defaults to `"batch"`.
        activation: Likewise. Defaults to `"relu"`.
        kernel_regularizer: Likewise. Defaults to `None`.
        name: String. Name of the model. Defaults to `"unet"`.

    Returns:
        `keras.Model` of logits of shape `(batch, height, width, classes)`, or of images
        of shape `(batch, height, width, filters[0])`.

    Raises:
        ValueError: If an argument is not as described, or if the images are smaller
            than the levels divide them.

    Example:

    >>> model = kdl.models.unet((48, 48, 1), classes=11, filters=(8, 16, 32))

    References:
        - [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597)
    """
    filters = check_filters("filters", filters)
    if len(filters) < 2:
        raise ValueError(
            f"`filters` must be of two levels or more. Received: filters={filters!r}"
        )
    check_optional(check_integer, "classes", classes, "[1, inf)")
    check_integer("depth", depth, "[1, inf)")
    number("rate", rate, "[0, 1)")
    inputs, x = begin(input_shape, rate, kernel_regularizer)
    check_size(inputs.shape[1:], 2 ** (len(filters) - 1), "U-Net")
    block = {
        "order": order,
        "normalization": normalization,
        "activation": activation,
        "kernel_regularizer": kernel_regularizer,
        **LAST,
    }
    *above, lowest = filters
    kept = []
    for level, channels in enumerate(above, 1):
        x, skip = UNetDownBlock(channels, depth, name=f"down_{level}", **block)(x)
        kept.append(skip)
    for place in range(1, depth + 1):
        x = ConvBlock(lowest, name=f"lowest_{place}", **block)(x)
    if rate != 0:
        x = Dropout(rate, name="dropout")(x)
    for level in range(len(above), 0, -1):
        up = UNetUpBlock(above[level - 1], depth, name=f"up_{level}", **block)
        x = up([x, kept[level - 1]])
    if classes is not None:
        penalty = {"kernel_regularizer": kernel_regularizer}
        # In float32, whatever the precision of the others.
        logits = layers.Conv2D(
            classes, 1, dtype=keras.config.floatx(), name="logits", **penalty, **LAST
        )
        x = logits(x)
    return keras.Model(inputs, x, name=name)
