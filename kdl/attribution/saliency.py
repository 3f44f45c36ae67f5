"""Saliency."""

import keras
from keras import ops

from kdl.attribution.scores.scoring import Scoring
from kdl.typing import Arrays, Score


def saliency(
    model: keras.Model,
    inputs: Arrays,
    score: Score | None = None,
    batch_size: int = 32,
) -> Arrays:
    """Returns by how much a score changes with each input: the size of its gradient.

        attributions = |d score(model(inputs)) / d inputs|

    It says where a small change would tell, not how much an input has contributed:
    `kdl.attribution.integrated_gradients` says that. A gradient is noisy;
    `kdl.attribution.smooth_grad` averages it.

    The paper takes the largest of the channels of a pixel; here each channel has its
    number.

    Args:
        model: `keras.Model`.
        inputs: As of `kdl.attribution.gradient`.
        score: As of `kdl.attribution.gradient`. Defaults to `None`, the class that is
            predicted.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Array, or dict or list of arrays, of the shape of the inputs, in `[0, inf)`. A
        token has the length of the gradient by its embedding.

    Raises:
        ValueError: As of `kdl.attribution.gradient`.

    Example:

    >>> attributions = kdl.attribution.saliency(model, x[:4])
    >>> attributions.shape
    (4, 8, 8, 1)

    References:
        - [Simonyan et al., 2013](https://arxiv.org/abs/1312.6034)
    """
    scoring = Scoring(model, inputs, score)

    def of(batch):
        gradients, _ = batch.gradients(batch.values())
        return map(ops.absolute, scoring.by_tokens(gradients, ops.norm))

    return scoring.packed(scoring.mapped(of, batch_size=batch_size))
