"""Features of images, by a small classifier that comes with kdl."""

import functools
from pathlib import Path

import keras
import numpy as np
from keras import layers

_FILE = Path(__file__).parent / "image_features.npz"
_SIDE = 28
# The weights of the three colours in the brightness of a pixel.
_GREY = np.array([0.299, 0.587, 0.114], "float32").reshape(1, 1, 3, 1)


def image_features(channels=1):
    """Returns a network from images to 64 features.

    It is a small classifier without its last layer. It has learned the ten classes of
    clothes of `kdl.data.fashion` and the ten digits of `kdl.data.digits`, from grey
    images of 28 x 28 pixels. Images of other sizes are scaled to that, and coloured
    ones made grey. Of what these images show, it sees much; of photographs, edges and
    shapes. For those, take the features of a larger network, such as one of
    `keras.applications`.

    benchmarks/image_features.py trains it, and prints its accuracy.

    Args:
        channels: Integer, 1 or 3. Defaults to `1`.

    Returns:
        `keras.Model` from images of shape `(height, width, channels)`, floats in
        `[0, 1]`, to float32 of shape `(64,)`, not to be trained.

    Raises:
        ValueError: If `channels` is neither 1 nor 3.

    Example:

    >>> features = kdl.metrics.image_features()(keras.ops.ones((2, 28, 28, 1)))
    """
    if channels not in (1, 3):
        raise ValueError(f"`channels` must be 1 or 3. Received: channels={channels!r}")
    images = keras.Input((None, None, channels))
    x = images
    if channels == 3:
        grey = layers.Conv2D(1, 1, use_bias=False, dtype="float32", name="grey")
        x = grey(x)
        grey.set_weights([_GREY])
    x = layers.Resizing(_SIDE, _SIDE, antialias=True, dtype="float32")(x)
    network = classifier()
    network.set_weights(_weights())
    model = keras.Model(images, network(x), name="image_features")
    model.trainable = False
    return model


def classifier(classes=None):
    """Returns the network of the features, or the classifier.

    Args:
        classes: Optional integer. Number of classes. Defaults to `None`: the features.
    """
    options = {"padding": "same", "activation": "relu", "dtype": "float32"}
    network = keras.Sequential(
        [
            keras.Input((_SIDE, _SIDE, 1)),
            layers.Conv2D(24, 3, **options),
            layers.MaxPooling2D(dtype="float32"),
            layers.Conv2D(48, 3, **options),
            layers.MaxPooling2D(dtype="float32"),
            layers.Conv2D(32, 3, **options),
            layers.Flatten(dtype="float32"),
            layers.Dense(64, "relu", dtype="float32"),
        ]
    )
    if classes is None:
        return network
    network.add(layers.Dropout(0.3))
    network.add(layers.Dense(classes))
    return network


@functools.cache
def _weights():
    with np.load(_FILE, allow_pickle=False) as file:
        return [file[name].astype("float32") for name in file.files]
