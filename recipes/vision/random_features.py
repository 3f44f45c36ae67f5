"""A network whose features images are compared by."""

import numpy as np

from kdl.models import features, vgg

_FILTERS = 16, 32, 64


def random_features(channels, seed=0):
    """Returns a small network of random weights, from images to features of stages.

    kdl comes with no network that was trained on photographs, and downloads none. A
    network of random weights already looks at edges and textures at several scales,
    and is the same on each backend.

    Args:
        channels: Integer. Those of the images.
        seed: Integer. Draws the weights. Defaults to `0`.

    Returns:
        `keras.Model` of images of any size, of the features after each of its stages.
    """
    network = vgg(
        (None, None, channels),
        filters=_FILTERS,
        depth=1,
        normalization=None,
        name="features",
    )
    rng = np.random.default_rng(seed)
    weights = []
    for weight in network.weights:
        fan_in = np.prod(weight.shape[:-1])
        scale = np.sqrt(2 / fan_in) if len(weight.shape) > 1 else 0.0
        weights.append(rng.normal(scale=scale, size=weight.shape).astype("float32"))
    network.set_weights(weights)
    return features(network, [f"stage_{n}" for n in range(1, 1 + len(_FILTERS))])
