"""Features of images, by a small classifier that comes with kdl."""

from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

WEIGHTS = Path(__file__).with_name("image_features.npz")
SIZE = 28  # Pixels of a side.


def image_features() -> keras.Model:
    """Returns a small network that says of an image what it shows, in 64 numbers.

    It is a classifier without its last layer: three convolutions and a dense layer,
    all with ReLU, of 75,000 weights. It makes an image grey, by the mean of its
    channels, and resizes it to 28 x 28 pixels, whatever its size was.

    It has learned twenty classes: the ten kinds of clothes of `kdl.data.fashion` and
    the ten digits of `kdl.data.digits`. What tells these apart, it sees: strokes,
    outlines, coarse textures. It sees neither colours nor details below a 28th of the
    side. It names 0.89 of the test images of clothes right, and all 180 test digits.
    For other small pictures of one object each, compare its figures with a floor of
    real images. Of photographs it says little: bring the features of a network that
    knows such images. Far from all images, such as on noise, it says nothing sure.

    The network is a plain Keras model, which `kdl.losses.PerceptualLoss` takes, and
    each call returns another. `benchmarks/image_features.py` made the weights, from
    no other data than the training and validation parts of these two sets.

    Returns:
        `keras.Model` from images in `[0, 1]` of shape `(batch, height, width, 1)` or
        `(batch, height, width, 3)` to float32 features of shape `(batch, 64)`, none
        below 0. It is not trainable.

    Example:

    >>> network = kdl.metrics.image_features()
    >>> network.predict(x[:5], verbose=0).shape
    (5, 64)

    References:
        - [Xiao et al., 2017](https://arxiv.org/abs/1708.07747), Fashion-MNIST, under
          the MIT License
        - [Alpaydin and Kaynak, 1998](https://doi.org/10.24432/C50P49), the digits,
          under CC BY 4.0
    """
    network = untrained()
    with np.load(WEIGHTS, allow_pickle=False) as weights:
        network.set_weights([weights[name].astype("float32") for name in weights.files])
    network.trainable = False
    return network


def untrained():
    """Returns the network as it is before `benchmarks/image_features.py` trains it."""
    # Whatever Keras's defaults are, the weights mean the same.
    options = {"activation": "relu", "dtype": "float32"}
    in_order = {"data_format": "channels_last", "dtype": "float32"}
    images = keras.Input((None, None, None), name="images", dtype="float32")
    grey = ops.mean(images, axis=-1, keepdims=True)
    # Without antialiasing, a large image would be a few of its pixels.
    resize = layers.Resizing(SIZE, SIZE, antialias=True, **in_order)
    hidden = resize(grey)
    for number, filters in enumerate((24, 48, 64), 1):
        name = f"convolution_{number}"
        hidden = layers.Conv2D(
            filters,
            3,
            padding="same",
            kernel_initializer="he_normal",
            name=name,
            **{**in_order, **options},
        )(hidden)
        hidden = layers.MaxPooling2D(2, name=f"pooling_{number}", **in_order)(hidden)
    hidden = layers.Flatten(**in_order)(hidden)
    dense = layers.Dense(64, name="features", kernel_initializer="he_normal", **options)
    return keras.Model(images, dense(hidden), name="image_features")
