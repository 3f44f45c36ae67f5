"""Gradients of a score."""

from typing import NamedTuple

import keras
import numpy as np

from kdl.attribution.scores.scoring import Scoring
from kdl.typing import Arrays, Score


class Gradient(NamedTuple):
    """What `gradient` returns."""

    gradients: Arrays
    values: Arrays
    scores: np.ndarray


def gradient(
    model: keras.Model,
    inputs: Arrays,
    score: Score | None = None,
    layer: str | None = None,
    batch_size: int = 32,
) -> Gradient:
    """Returns the gradient of a score by the inputs, or by what a layer returns.

        gradients = d score(model(inputs)) / d inputs

    for each example by itself, in inference: without dropout, and with the moving
    statistics of batch normalization. It works for any `keras.Model`, functional,
    `Sequential` or a subclass, on TensorFlow, JAX and PyTorch; Keras itself has no
    function for it. On TensorFlow and JAX the program is compiled, and kept as long as
    the model is: a second call is fast, also after the model has been trained on.

    Integers, such as tokens, have no gradient. There it is by what the model's only
    `Embedding` returns for them, or, for a `kdl.layers.EmbeddingBag`, by a factor of
    each token.

    Args:
        model: `keras.Model`.
        inputs: Array of shape `(examples, …)`, or a dict or list of such, as the model
            takes them. Floats, or integers for an embedding.
        score: What to differentiate. An integer is a class, an array of shape
            `(examples,)` a class for each example: the output of that class, a logit
            where the model returns logits. A function takes the outputs and returns a
            tensor of shape `(examples,)`, by `keras.ops`; models whose outputs are not
            of shape `(examples, classes)` need one. Pass the same function again rather
            than a new lambda, which is compiled anew. Defaults to `None`, the largest
            output of each example: the predicted class.
        layer: Optional string. Name of the layer by whose output to differentiate, also
            within a nested model. The model must call it once. Defaults to `None`, by
            the inputs.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Tuple of three. `gradients`: array, or dict or list of arrays as the inputs are,
        of the shape of what they are by; `None` for Booleans, and for integers that
        stand beside floats where there is no embedding. `values`: that itself, the
        inputs or what the layer returns. `scores`: array of shape `(examples,)`.

    Raises:
        ValueError: If no layer or several are called `layer`, if it is quantized or not
            called once, if a class is not in `[0, classes)`, if inputs are integers
            and the model has no embedding, or if `score` is of another kind.

    Example:

    >>> gradients, values, scores = kdl.attribution.gradient(model, x[:4], score=3)
    >>> gradients.shape
    (4, 8, 8, 1)
    >>> def margin(outputs):
    ...     return outputs[:, 3] - outputs[:, 5]
    >>> gradients, values, margins = kdl.attribution.gradient(model, x[:4], margin)

    References:
        - [Simonyan et al., 2013](https://arxiv.org/abs/1312.6034)
    """
    scoring = Scoring(model, inputs, score, layer)

    def of(batch):
        values = batch.values()
        gradients, scores = batch.gradients(values)
        return [*gradients, *values, scores]

    *parts, scores = scoring.mapped(of, batch_size=batch_size)
    half = len(parts) // 2
    return Gradient(scoring.packed(parts[:half]), scoring.packed(parts[half:]), scores)
