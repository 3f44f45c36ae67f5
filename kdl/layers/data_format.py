"""Images, in either of Keras's formats."""

import keras
from keras import ops

from kdl.checks import check_choice


def resolve(data_format):
    """Returns the data format, or that of Keras for `None`."""
    if data_format is None:
        return keras.config.image_data_format()
    formats = "channels_last", "channels_first"
    return check_choice("data_format", data_format, formats)


def check_size(layer, shape, least, reason):
    """Refuses images of a known height or width below the `least` two sides."""
    sides = shape[1:3] if layer.data_format == "channels_last" else shape[2:4]
    pairs = zip(sides, least, strict=True)
    if any(side is not None and side < size for side, size in pairs):
        height, width = least
        raise ValueError(
            f"{type(layer).__name__} takes images of at least {height} by {width} "
            f"pixels, {reason}. Received: inputs of shape {tuple(shape)}, "
            f"data_format={layer.data_format!r}"
        )


def channels_last(inputs, data_format):
    """Returns images with their channels last, the only order of TensorFlow's CPU."""
    if data_format == "channels_last":
        return inputs
    return ops.transpose(inputs, (0, 2, 3, 1))


def from_channels_last(images, data_format):
    """Returns images in a format, of those with their channels last."""
    if data_format == "channels_last":
        return images
    return ops.transpose(images, (0, 3, 1, 2))


def last(shape, data_format):
    """Returns the shape of images with their channels last, all of them known."""
    if data_format == "channels_first":
        shape = (shape[0], *shape[2:], shape[1])
    return tuple(shape)


def first(shape, data_format):
    """Returns the shape of images in a format, of those with their channels last."""
    if data_format == "channels_first":
        shape = (shape[0], shape[-1], *shape[1:-1])
    return tuple(shape)


def strided(side, strides):
    """Returns the height or width after a stride over all of it, or `None`."""
    return None if side is None else -(-side // strides)
