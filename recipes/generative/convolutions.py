"""Convolutions of networks that make images."""

from keras import layers

from kdl.initializers import ICNR
from kdl.layers import PixelShuffle2D
from kdl.models.images.parts import LAST


def convolved(filters, size=3, **options):
    """Returns a convolution of images whose channels are last, padded.

    Args:
        filters: Integer.
        size: Integer. Side of the kernel in pixels. Defaults to `3`.
        **options: Further arguments of `keras.layers.Conv2D`.
    """
    return layers.Conv2D(filters, size, padding="same", **LAST, **options)


def enlarged(x, filters, initializer="he_normal", **options):
    """Returns maps of twice the height and width, by sub-pixel convolution.

    That is three times as fast as a transposed one.

    Args:
        x: Tensor of maps.
        filters: Integer. Number of the new maps.
        initializer: String. Initializer of the kernel. Defaults to `"he_normal"`.
        **options: Arguments of both layers, such as `dtype`.
    """
    begin = ICNR(2, initializer)
    x = convolved(4 * filters, kernel_initializer=begin, **options)(x)
    return PixelShuffle2D(2, **LAST, **options)(x)
