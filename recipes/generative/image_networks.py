"""Networks that make images, and one that tells real ones from those."""

import keras
from keras import layers

from kdl.layers import SpectralNormalization
from kdl.models.images.parts import LAST
from kdl.recipes.generative.convolutions import convolved, enlarged

_LEAST = 4  # Shortest side of the smallest feature maps.
_MOST = 4  # Times that images are halved at most.


def halvings(shape):
    """Returns how often images are halved until they have few pixels.

    Args:
        shape: Height, width and channels.
    """
    levels, side = 1, min(shape[:2])
    while side >> (levels + 1) >= _LEAST and levels < _MOST:
        levels += 1
    return levels


def generator(shape, white, size, filters, classes=None):
    """Returns a network from codes to images.

    Args:
        shape: Height, width and channels of the images.
        white: Float. Value of a white pixel; black is 0.
        size: Integer. Numbers of a code.
        filters: Integer. Channels at half the size of the images; they double with each
            halving.
        classes: Optional integer. Number of the labels that are a second input.
            Defaults to `None`.
    """
    levels = halvings(shape)
    height, width = (-(-side // 2**levels) for side in shape[:2])
    code = keras.Input((size,), name="code")
    inputs, x = code, code
    if classes is not None:
        inputs = [code, keras.Input((1,), dtype="int32", name="label")]
        x = layers.Concatenate()([code, _embedded(inputs[1], classes, size)])
    channels = filters << (levels - 1)
    x = layers.Dense(height * width * channels, use_bias=False)(x)
    x = layers.Reshape((height, width, channels))(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for level in reversed(range(levels)):
        x = enlarged(x, max(8, (filters << level) // 2))
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = _middle(x, shape)
    # In float32, whatever the precision of the others.
    x = convolved(shape[-1], activation="sigmoid", dtype=keras.config.floatx())(x)
    return keras.Model(
        inputs,
        layers.Rescaling(white, dtype=keras.config.floatx())(x),
        name="generator",
    )


def discriminator(shape, white, filters, classes=None):
    """Returns a network from images to logits that they are real.

    All its kernels are normalized by their largest singular value. A label counts by
    the product of an embedding with the features.

    Args:
        shape: Height, width and channels of the images.
        white: Float. Value of a white pixel.
        filters: Integer. Channels at half the size of the images; they double with each
            halving.
        classes: Optional integer. Number of the labels that are a second input.
            Defaults to `None`.

    References:
        - [Miyato and Koyama, 2018](https://arxiv.org/abs/1802.05637)
    """
    image = keras.Input(shape, name="image")
    x = layers.Rescaling(2 / white, -1.0)(image)
    for level in range(halvings(shape)):
        x = _bounded(convolved(filters << level, 4, strides=2))(x)
    x = _bounded(convolved(filters << level))(x)
    x = layers.Flatten()(x)
    logits = SpectralNormalization(
        layers.Dense(1, dtype=keras.config.floatx()), dtype=keras.config.floatx()
    )(x)
    if classes is None:
        return keras.Model(image, logits, name="discriminator")
    label = keras.Input((1,), dtype="int32", name="label")
    # One per class, of the length of the features, from zero.
    wanted = _embedded(
        label, classes, x.shape[-1], "zeros", dtype=keras.config.floatx()
    )
    product = layers.Dot(1, dtype=keras.config.floatx())([wanted, x])
    logits = layers.Add(dtype=keras.config.floatx())([logits, product])
    return keras.Model([image, label], logits, name="discriminator")


def denoiser(shape, filters, depth, classes=None):
    """Returns a U-Net of images, time and maybe labels, for `kdl.models.Diffusion`.

    Its largest feature maps have half the size of the images, which makes it four times
    as fast; the images themselves come in again at its end.

    Args:
        shape: Height, width and channels of the images.
        filters: Integer. Channels at half the size of the images; they double with each
            halving, but for the last.
        depth: Integer. Residual blocks at each size, on the way down and up.
        classes: Optional integer. Number of the labels that are a third input; the
            label `classes` stands for none. Defaults to `None`.
    """
    levels = halvings(shape)
    image, time = keras.Input(shape, name="image"), keras.Input((1,), name="time")
    inputs = [image, time]
    known = layers.Dense(2 * filters, "swish")(time)
    if classes is not None:
        inputs.append(keras.Input((1,), dtype="int32", name="label"))
        label = _embedded(inputs[-1], classes + 1, 2 * filters)
        known = layers.Concatenate()([known, label])
    known = layers.Dense(2 * filters, "swish")(known)
    padded = _padded(image, levels)
    x, kept = padded, []
    sizes = [filters * min(2, 1 << level) for level in range(levels)]
    for channels in sizes:
        x = convolved(channels, strides=2)(x)
        for _ in range(depth):
            x = _residual(x, known, channels)
        kept.append(x)
    for channels, skip in zip(sizes[-2::-1], kept[-2::-1], strict=True):
        x = layers.Concatenate()([enlarged(x, channels), skip])
        for _ in range(depth):
            x = _residual(x, known, channels)
    x = layers.Activation("swish")(layers.GroupNormalization(8)(x))
    x = layers.Concatenate()([enlarged(x, filters // 2), padded])
    x = convolved(filters // 2, activation="swish")(x)
    x = convolved(shape[-1], kernel_initializer="zeros", dtype=keras.config.floatx())(x)
    return keras.Model(inputs, _middle(x, shape), name="denoiser")


def _middle(x, shape):
    """Cuts images to a height and a width, the middle of what there is."""
    sides = []
    for have, want in zip(x.shape[1:3], shape[:2], strict=True):
        sides.append(((have - want) // 2, have - want - (have - want) // 2))
    return layers.Cropping2D(sides, **LAST)(x) if sides != [(0, 0), (0, 0)] else x


def _padded(x, levels):
    """Pads images with zeros to sides that can be halved so often."""
    sides = []
    for have in x.shape[1:3]:
        missing = -have % 2**levels
        sides.append((missing // 2, missing - missing // 2))
    return layers.ZeroPadding2D(sides, **LAST)(x) if sides != [(0, 0), (0, 0)] else x


def _embedded(label, classes, size, initializer="uniform", **options):
    x = layers.Embedding(classes, size, initializer, **options)(label)
    return layers.Flatten(**options)(x)


def _bounded(layer):
    """A layer of bounded slope, and what follows it."""
    return keras.Sequential([SpectralNormalization(layer), layers.LeakyReLU(0.1)])


def _residual(x, known, channels):
    """A residual block of two convolutions, with features scaled by what is known."""
    y = layers.Activation("swish")(layers.GroupNormalization(8)(x))
    y = convolved(channels)(y)
    scale = layers.Dense(channels)(known)
    shift = layers.Dense(channels)(known)
    scale, shift = (layers.Reshape((1, 1, channels))(part) for part in (scale, shift))
    y = layers.GroupNormalization(8, center=False, scale=False)(y)
    y = layers.Add()([y, layers.Multiply()([y, scale]), shift])
    y = convolved(channels, kernel_initializer="zeros")(layers.Activation("swish")(y))
    if x.shape[-1] != channels:
        x = convolved(channels, 1)(x)
    return layers.Add()([x, y])
