"""Class activation maps by gradients."""

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kdl.attribution.scores.scoring import Scoring
from kdl.private import layers_of
from kdl.typing import Score


def grad_cam(
    model: keras.Model,
    inputs: ArrayLike,
    score: Score | None = None,
    layer: str | None = None,
    batch_size: int = 32,
) -> np.ndarray:
    """Returns where the feature maps are that speak for a score.

        weights = mean(d score / d maps) of each map
        attributions = relu(sum(weights * maps)), enlarged to the size of the inputs

    The maps are those of a layer. The last one has few places, but knows most of what
    is where; the attributions are as coarse as it is. Beside
    `kdl.attribution.integrated_gradients` they are less noisy, show nothing of colours,
    and do not add up to anything.

    Args:
        model: `keras.Model` of images of shape `(examples, height, width, channels)`,
            of sequences `(examples, length, features)` or of tokens `(examples,
            length)`.
        inputs: Array.
        score: As of `kdl.attribution.gradient`. Defaults to `None`, the class that is
            predicted.
        layer: Optional string. Name of a layer that returns maps. Defaults to `None`,
            the last one.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Array of shape `(examples, height, width)`, or `(examples, length)`, in
        `[0, inf)`.

    Raises:
        ValueError: If the layer returns no maps, or if there is none that does, and as
            of `kdl.attribution.gradient`.

    Example:

    >>> network = kdl.models.cnn((8, 8, 1), 10, filters=(8, 16), depth=1)
    >>> attributions = kdl.attribution.grad_cam(network, x[:4])
    >>> attributions.shape
    (4, 8, 8)

    References:
        - [Selvaraju et al., 2017](https://arxiv.org/abs/1610.02391)
    """

    def weighted(gradients, maps, axes):
        return ops.mean(gradients, axes, keepdims=True) * maps

    return _maps(model, inputs, score, layer, batch_size, weighted)


def grad_cam_plus_plus(
    model: keras.Model,
    inputs: ArrayLike,
    score: Score | None = None,
    layer: str | None = None,
    batch_size: int = 32,
) -> np.ndarray:
    """Returns the maps of Grad-CAM with weights that do justice to small objects.

        alpha = g**2 / (2 * g**2 + g**3 * sum(maps)), where g = d score / d maps
        weights = sum(alpha * relu(g)) of each map
        attributions = relu(sum(weights * maps)), enlarged to the size of the inputs

    `kdl.attribution.grad_cam` takes the mean of a map's gradient, in which an object
    counts by its size. Here several objects of a class count alike.

    As in the paper, the score whose powers are differentiated is the exponential of
    `score`, of which the factor `exp(score)` is left out: it is the same for all maps.

    Args:
        model: As of `kdl.attribution.grad_cam`.
        inputs: Array.
        score: As of `kdl.attribution.gradient`. Defaults to `None`, the class that is
            predicted.
        layer: Optional string, as of `kdl.attribution.grad_cam`. Defaults to `None`,
            the last layer that returns maps.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Array of shape `(examples, height, width)`, or `(examples, length)`, in
        `[0, inf)`.

    Raises:
        ValueError: As of `kdl.attribution.grad_cam`.

    Example:

    >>> network = kdl.models.cnn((8, 8, 1), 10, filters=(8, 16), depth=1)
    >>> attributions = kdl.attribution.grad_cam_plus_plus(network, x[:4])
    >>> attributions.shape
    (4, 8, 8)

    References:
        - [Chattopadhay et al., 2018](https://arxiv.org/abs/1710.11063)
    """

    def weighted(gradients, maps, axes):
        squares = gradients**2
        total = ops.sum(maps, axes, keepdims=True)
        divisor = 2 * squares + squares * gradients * total
        is_there = ops.abs(divisor) > 0
        alpha = ops.where(is_there, squares / ops.where(is_there, divisor, 1), 0)
        return ops.sum(alpha * ops.relu(gradients), axes, keepdims=True) * maps

    return _maps(model, inputs, score, layer, batch_size, weighted)


def _maps(model, inputs, score, layer, batch_size, weighted):
    if layer is None:
        layer = _last(Scoring(model, inputs))
    scoring = Scoring(model, inputs, score, layer)
    first = _has_channels_first(layers_of(model)[scoring.taps[0]])

    def of(batch):
        values = batch.values()
        (gradients,), _ = batch.gradients(values)
        rank = len(gradients.shape)
        if rank not in (3, 4) or scoring.leaves[0].ndim < rank - 1:
            raise ValueError(
                "`layer` must be a layer that returns maps of shape (examples, height, "
                "width, channels) or (examples, length, features). Received: "
                f"layer={layer!r}, of shape {tuple(gradients.shape)}"
            )
        axes, channels = list(range(1, rank - 1)), -1
        if first:
            axes, channels = list(range(2, rank)), 1
        maps = ops.sum(weighted(gradients, values[0], axes), channels)
        return [_enlarged(ops.relu(maps), _size(scoring.leaves[0], rank, first))]

    return scoring.mapped(of, batch_size=batch_size)[0]


def _last(scoring):
    spatial = scoring.spatial()
    if not spatial:
        raise ValueError(
            "`model` must have a layer that returns maps, such as a convolution. "
            f"Received: the model {scoring.model.name!r}, which has none"
        )
    return spatial[-1][0]


def _has_channels_first(layer):
    default = keras.config.image_data_format()
    return getattr(layer, "data_format", default) == "channels_first"


def _size(inputs, rank, first):
    """Height and width, or the length, of inputs."""
    return inputs.shape[2:rank] if first else inputs.shape[1 : rank - 1]


def _enlarged(maps, size):
    """Maps of shape `(examples, …)` at a size, by linear interpolation."""
    maps = maps[..., None]
    if len(size) == 1:
        maps, size = maps[:, None], (1, *size)
        maps = ops.image.resize(maps, size, data_format="channels_last")
        return maps[:, 0, :, 0]
    return ops.image.resize(maps, size, data_format="channels_last")[..., 0]
