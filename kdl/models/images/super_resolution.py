"""Super-resolution."""

from collections.abc import Sequence
from typing import Literal

import keras
from keras import layers

from kdl.checks import check_choice, check_integer
from kdl.initializers import ICNR, BilinearUpsampling
from kdl.layers import BicubicUpsampling2D, PixelShuffle2D
from kdl.models.images.parts import LAST, begin
from kdl.typing import ActivationLike

UPSAMPLING = ("subpixel", "transposed", "resized")
# By how much each step of the upsampling enlarges.
_STEPS = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}


def super_resolution(
    input_shape: Sequence[int | None],
    factor: int = 2,
    filters: int = 32,
    depth: int = 2,
    upsampling: Literal["subpixel", "transposed", "resized"] = "subpixel",
    activation: ActivationLike = "relu",
    name: str = "super_resolution",
) -> keras.Model:
    """Returns a network that enlarges images, and adds the details they lack.

    It works at the size of the small images, where convolutions are cheap: one
    convolution and `depth` residual blocks of two. Then it upsamples a quarter of the
    channels to the size of the large images, where a last convolution makes the
    details. They are added to the bicubic interpolation of the small images. The last
    convolution starts at zero, so that the untrained network is that interpolation.

    There is no normalization, which makes super-resolution worse (Lim et al., 2017).
    Factors of 4 and 8 are steps of 2.

    Args:
        input_shape: Sequence of height, width and channels, which come last. Height and
            width may be `None`.
        factor: Integer, 2, 3, 4 or 8. Factor of height and width. Defaults to `2`.
        filters: Integer in `[4, inf)`. Channels of the convolutions. Defaults to `32`.
        depth: Integer in `[0, inf)`. Number of residual blocks. Defaults to `2`.
        upsampling: String. Defaults to `"subpixel"`.

            - `"subpixel"`: a convolution and `kdl.layers.PixelShuffle2D`, initialized
              by `kdl.initializers.ICNR`.
            - `"transposed"`: a convolution and a transposed one, which starts as
              bilinear interpolation, by `kdl.initializers.BilinearUpsampling`.
            - `"resized"`: a convolution, repetition of each pixel, and a convolution.
        activation: Function or its name. Defaults to `"relu"`.
        name: String. Name of the model. Defaults to `"super_resolution"`.

    Returns:
        `keras.Model` of images of shape `(batch, factor * height, factor * width,
        channels)`, not clipped to an interval.

    Raises:
        ValueError: If an argument is not as described.

    Example:

    >>> model = kdl.models.super_resolution((None, None, 3), factor=2, filters=16)
    >>> model.output_shape
    (None, None, None, 3)

    References:
        - [Shi et al., 2016](https://arxiv.org/abs/1609.05158), sub-pixel convolution
        - [Odena et al., 2016](https://distill.pub/2016/deconv-checkerboard/), what
          transposed convolutions print on images
        - [Lim et al., 2017](https://arxiv.org/abs/1707.02921), blocks without
          normalization
    """
    check_choice("factor", factor, tuple(_STEPS))
    check_integer("filters", filters, "[4, inf)")
    check_integer("depth", depth, "[0, inf)")
    check_choice("upsampling", upsampling, UPSAMPLING)
    inputs, x = begin(input_shape)
    convolution = {"padding": "same", **LAST}
    x = layers.Conv2D(filters, 3, activation=activation, name="first", **convolution)(x)
    for place in range(1, depth + 1):
        block = f"block_{place}"
        y = layers.Conv2D(
            filters, 3, activation=activation, name=f"{block}_1", **convolution
        )(x)
        y = layers.Conv2D(filters, 3, name=f"{block}_2", **convolution)(y)
        x = layers.Add(name=block)([x, y])
    for place, scale in enumerate(_STEPS[factor], 1):
        # Without an activation: of the few channels here, a ReLU may leave none.
        x = _enlarged(x, scale, filters // 4, upsampling, f"up_{place}")
    # In float32, whatever the precision of the others.
    details = layers.Conv2D(
        inputs.shape[-1],
        3,
        kernel_initializer="zeros",
        dtype=keras.config.floatx(),
        name="details",
        **convolution,
    )(x)
    bicubic = BicubicUpsampling2D(
        factor, dtype=keras.config.floatx(), name="bicubic", **LAST
    )
    outputs = layers.Add(dtype=keras.config.floatx(), name="images_large")(
        [bicubic(inputs), details]
    )
    return keras.Model(inputs, outputs, name=name)


def _enlarged(x, scale, channels, upsampling, name):
    convolution = {"padding": "same", **LAST}
    if upsampling == "subpixel":
        wide = layers.Conv2D(
            channels * scale**2,
            3,
            kernel_initializer=ICNR(scale, "glorot_uniform"),
            name=f"{name}_convolution",
            **convolution,
        )
        return PixelShuffle2D(scale, name=name, **LAST)(wide(x))
    x = layers.Conv2D(channels, 3, name=f"{name}_convolution", **convolution)(x)
    if upsampling == "transposed":
        return layers.Conv2DTranspose(
            channels,
            2 * scale - scale % 2,
            strides=scale,
            kernel_initializer=BilinearUpsampling(),
            name=name,
            **convolution,
        )(x)
    x = layers.UpSampling2D(scale, name=f"{name}_repetition", **LAST)(x)
    return layers.Conv2D(channels, 3, name=name, **convolution)(x)
