"""Bicubic upsampling."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer
from kdl.layers.data_format import channels_last, from_channels_last, resolve
from kdl.typing import DataFormat, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class BicubicUpsampling2D(keras.layers.Layer):
    """Enlarges images by bicubic interpolation, alike on every backend.

    A pixel of the outputs is a weighted mean of the 4 x 4 pixels around it,

        w(d) = 1.5 |d|³ - 2.5 |d|² + 1                  for |d| <= 1
        w(d) = -0.5 |d|³ + 2.5 |d|² - 4 |d| + 2         for 1 < |d| < 2

    along each axis, `d` the distance in pixels of the inputs. Beyond the border, the
    last pixel is repeated. It is the interpolation of Pillow, except within two pixels
    of the border, and the baseline that super-resolution starts from.

    `keras.layers.UpSampling2D(interpolation="bicubic")` has other weights on PyTorch,
    so that a model changes what it computes when another backend loads it.

    Args:
        scale: Integer in `[2, inf)`. Factor of height and width. Defaults to `2`.
        data_format: `"channels_last"` or `"channels_first"`. Defaults to `None`, that
            of `keras.config.image_data_format()`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Tensor of shape `(batch, height, width, channels)`, or with the
            channels first.

    Returns:
        Tensor of shape `(batch, scale * height, scale * width, channels)`, or with the
        channels first.

    Raises:
        ValueError: If an argument is outside its interval or choices.

    Example:

    >>> layer = kdl.layers.BicubicUpsampling2D(2)
    >>> outputs = layer(keras.ops.ones((1, 5, 5, 3)))

    References:
        - [Keys, 1981](https://doi.org/10.1109/TASSP.1981.1163711), with a = -0.5
    """

    def __init__(
        self, scale: int = 2, data_format: DataFormat | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.scale = check_integer("scale", scale, "[2, inf)")
        self.data_format = resolve(data_format)
        self.input_spec = keras.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        images = channels_last(inputs, self.data_format)
        for axis in (1, 2):
            images = _enlarged(images, axis, self.scale)
        return from_channels_last(images, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        shape = list(input_shape)
        for axis in (1, 2) if self.data_format == "channels_last" else (2, 3):
            shape[axis] = shape[axis] and shape[axis] * self.scale
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "data_format": self.data_format}
        return {**super().get_config(), **own}


def _enlarged(images, axis, scale):
    """Images that are larger along an axis, 1 or 2."""
    shape = list(ops.shape(images))
    side = shape[axis]
    ends = [ops.take(images, [place] * 2, axis=axis) for place in (0, side - 1)]
    padded = ops.concatenate([ends[0], images, ends[1]], axis=axis)
    before = (slice(None),) * axis
    places = []
    for weights in _weights(scale):
        terms = [
            weight * padded[(*before, slice(place, place + side))]
            for place, weight in enumerate(weights)
            if weight
        ]
        places.append(sum(terms[1:], start=terms[0]))
    shape[axis] = side * scale
    return ops.reshape(ops.stack(places, axis + 1), shape)


def _weights(scale):
    """The weights of five pixels in a row for each of `scale` places in the middle one.

    Returns:
        List of `scale` lists.
    """
    places = [(place + 0.5) / scale - 0.5 for place in range(scale)]
    return [[_cubic(abs(n - place)) for n in range(-2, 3)] for place in places]


def _cubic(d):
    """The weight of a pixel at a distance."""
    if d <= 1:
        return (1.5 * d - 2.5) * d**2 + 1
    return ((-0.5 * d + 2.5) * d - 4) * d + 2 if d < 2 else 0.0
