"""Scores of inputs of which parts go, or come, by their attributions."""

from typing import NamedTuple

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kdl.attribution.scores.scoring import Scoring
from kdl.checks import check_integer, check_number
from kdl.typing import Score


class Curve(NamedTuple):
    """What `deletion_curve` and `insertion_curve` return."""

    shares: np.ndarray
    scores: np.ndarray
    areas: np.ndarray


def deletion_curve(
    model: keras.Model,
    inputs: ArrayLike,
    attributions: ArrayLike,
    score: Score | None = None,
    value: float = 0.0,
    steps: int = 20,
    batch_size: int = 32,
) -> Curve:
    """Returns how a score falls as the places with the highest attributions go.

    The sooner it falls, the better the attributions say what the score hangs on: the
    area under the curve is small. Compare it with that of attributions drawn at random.
    For areas of several examples to be alike, let the score be a probability.

    What is left is no input that the model has learned from, which is a weakness of
    this curve; `kdl.attribution.insertion_curve` shows the other side.

    Args:
        model: `keras.Model`.
        inputs: One array of shape `(examples, …)`. Integers, such as tokens, will do.
        attributions: Array of the shape of the inputs, or of it without the channels.
            Channels of a place go together, by their sum.
        score: As of `kdl.attribution.gradient`. Defaults to `None`, the class that is
            predicted for the inputs as they are.
        value: Number that takes the place of what goes, such as the token of padding.
            Defaults to `0.0`.
        steps: Integer in `[1, inf)`, not more than there are places. Defaults to `20`.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Tuple of three. `shares`: array of shape `(steps + 1,)`, the shares of places
        that are gone, from 0 to 1. `scores`: array of shape `(examples, steps + 1)`.
        `areas`: array of shape `(examples,)`, the areas under the curves, by the
        trapezoidal rule.

    Raises:
        ValueError: If an argument is outside its interval, if attributions have another
            shape, and as of `kdl.attribution.gradient`.

    Example:

    >>> def probability(outputs):
    ...     return keras.ops.max(keras.ops.softmax(outputs), axis=-1)
    >>> attributions, _ = kdl.attribution.integrated_gradients(model, x[:4])
    >>> curve = kdl.attribution.deletion_curve(
    ...     model, x[:4], attributions, probability, steps=8
    ... )
    >>> curve.scores.shape
    (4, 9)

    References:
        - [Petsiuk et al., 2018](https://arxiv.org/abs/1806.07421)
    """
    arguments = model, inputs, attributions, score, value, steps, batch_size
    return _curve(*arguments, inserts=False)


def insertion_curve(
    model: keras.Model,
    inputs: ArrayLike,
    attributions: ArrayLike,
    score: Score | None = None,
    value: float = 0.0,
    steps: int = 20,
    batch_size: int = 32,
) -> Curve:
    """Returns how a score grows as the places with the highest attributions come.

    It begins where there is nothing but `value`. The sooner it grows, the better: the
    area under the curve is large. Else it is as `kdl.attribution.deletion_curve`.

    Args:
        model: `keras.Model`.
        inputs: One array of shape `(examples, …)`.
        attributions: Array of the shape of the inputs, or of it without the channels.
        score: As of `kdl.attribution.gradient`. Defaults to `None`, the class that is
            predicted for the inputs as they are.
        value: Number where there is nothing yet. Defaults to `0.0`.
        steps: Integer in `[1, inf)`, not more than there are places. Defaults to `20`.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Tuple of three, as of `kdl.attribution.deletion_curve`; `shares` are those of
        the places that have come.

    Raises:
        ValueError: As of `kdl.attribution.deletion_curve`.

    Example:

    >>> attributions, _ = kdl.attribution.integrated_gradients(model, x[:4])
    >>> curve = kdl.attribution.insertion_curve(model, x[:4], attributions, steps=8)
    >>> curve.areas.shape
    (4,)

    References:
        - [Petsiuk et al., 2018](https://arxiv.org/abs/1806.07421)
    """
    arguments = model, inputs, attributions, score, value, steps, batch_size
    return _curve(*arguments, inserts=True)


def _curve(model, inputs, attributions, score, value, steps, batch_size, *, inserts):
    value = check_number("value", value, "(-inf, inf)")
    scoring = Scoring(model, inputs, score, needs_gradients=False)
    if len(scoring.leaves) > 1:
        raise ValueError(
            f"`inputs` must be one array. Received: {len(scoring.leaves)} arrays"
        )
    ranks = _ranks(np.asarray(attributions), scoring.leaves[0].shape)
    places = int(ranks.max()) + 1
    steps = check_integer("steps", steps, f"[1, {places}]")
    shares = np.arange(steps + 1) / steps

    def of(batch, ranks):
        (x,) = batch.inputs
        nothing = ops.full_like(x, value)
        before, after = (nothing, x) if inserts else (x, nothing)
        scores = [
            batch.scores(inputs=[ops.where(ranks < share * places, after, before)])
            for share in shares
        ]
        return [ops.stack(scores, axis=1)]

    (scores,) = scoring.mapped(of, [ranks], fixed=True, batch_size=batch_size)
    areas = np.mean((scores[:, 1:] + scores[:, :-1]) / 2, axis=1)
    return Curve(shares, scores, areas)


def _ranks(attributions, shape):
    """The turn of each place, from 0 on, with an axis for channels if there are any."""
    if attributions.shape == shape and len(shape) > 2:
        attributions = attributions.sum(axis=-1)
    if attributions.shape not in (shape, shape[:-1]) or len(attributions.shape) < 2:
        raise ValueError(
            f"`attributions` must have the shape of the inputs, {shape}, or that "
            f"without channels. Received: shape={attributions.shape}"
        )
    flat = attributions.reshape(len(attributions), -1)
    order = np.argsort(-flat, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable").reshape(attributions.shape)
    return ranks.reshape(ranks.shape + (1,) * (len(shape) - ranks.ndim))
