"""Integrated gradients."""

from typing import Literal, NamedTuple

import keras
import numpy as np
from keras import ops, tree

from kdl.attribution.scores.scoring import Scoring, as_array
from kdl.attribution.scores.taps import BagTap
from kdl.checks import check_choice, check_integer
from kdl.private import layers_of
from kdl.typing import Arrays, Score

RULES = ("gauss_legendre", "cubic")


class IntegratedGradients(NamedTuple):
    """What `integrated_gradients` returns."""

    attributions: Arrays
    gap: np.ndarray


def integrated_gradients(
    model: keras.Model,
    inputs: Arrays,
    score: Score | None = None,
    baseline: Arrays | None = None,
    layer: str | None = None,
    steps: int = 50,
    rule: Literal["gauss_legendre", "cubic"] = "gauss_legendre",
    batch_size: int = 32,
) -> IntegratedGradients:
    """Returns how much each input contributes to a score, beside a baseline.

        attributions = (inputs - baseline) * integral of
            (d score / d inputs)(baseline + alpha * (inputs - baseline)) over alpha

    from 0 to 1. Attributions of an example add up to the score of the inputs less that
    of the baseline; by how much they miss it, since the integral is a sum of `steps`
    gradients, is returned as the gap. A gap that is not small beside the scores says
    that more steps are needed, or another rule.

    The baseline is what an absence looks like, and all attributions depend on it. A
    black image says nothing of what is black.

    Args:
        model: `keras.Model`.
        inputs: As of `kdl.attribution.gradient`.
        score: As of `kdl.attribution.gradient`. Defaults to `None`, the class that is
            predicted for the inputs.
        baseline: Number, or arrays as the inputs are, of their shape or of that of one
            example. For integers, tokens such as that of padding. Defaults to `None`:
            zeros, for tokens the mean of all embeddings, and for a
            `kdl.layers.EmbeddingBag`, which takes no other, an empty bag.
        layer: Optional string. Name of a layer whose outputs stand for the inputs, as
            of `kdl.attribution.gradient`. The baseline is what it returns for
            `baseline`. Defaults to `None`.
        steps: Integer in `[1, inf)`. Gradients. Defaults to `50`.
        rule: `"gauss_legendre"`, which is exact for polynomials of degree
            `2 * steps - 1`, or `"cubic"`, the same along `alpha = u**3`, for functions
            that are steep near the baseline, such as layer normalization of almost
            nothing. Defaults to `"gauss_legendre"`.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Tuple of two. `attributions`: array, or dict or list of arrays, of the shape of
        the inputs, or of what the layer returns. A token has the sum of the features of
        its embedding; a number that is missing, NaN, has 0, and is missing in the
        baseline, too. `gap`: array of shape `(examples,)`, the sum of the attributions
        less the difference of the scores.

    Raises:
        ValueError: If an argument is outside its interval, if the baseline is of
            another shape or kind, and as of `kdl.attribution.gradient`.

    Example:

    >>> attributions, gap = kdl.attribution.integrated_gradients(model, x[:4])
    >>> bool(np.abs(gap).max() < 1e-3)
    True

    References:
        - [Sundararajan et al., 2017](https://arxiv.org/abs/1703.01365)
    """
    steps = check_integer("steps", steps, "[1, inf)")
    rule = check_choice("rule", rule, RULES)
    scoring = Scoring(model, inputs, score, layer)
    places, weights = _rule(steps, rule)
    beginning = [] if baseline is None else _leaves(scoring, baseline)

    def of(batch, *begun):
        ends = batch.values()
        if begun:
            starts = batch.values([ops.convert_to_tensor(part) for part in begun])
        else:
            starts = _absent(scoring, batch, ends)
        # What is missing at the one end is so at the other.
        starts = [
            ops.where(ops.isnan(end), end, start)
            for start, end in zip(starts, ends, strict=True)
        ]
        ways = [end - start for start, end in zip(starts, ends, strict=True)]
        total = [ops.zeros_like(way) for way in ways]
        for place, weight in zip(places, weights, strict=True):
            points = [
                start + place * way for start, way in zip(starts, ways, strict=True)
            ]
            gradients, _ = batch.gradients(points)
            total = [
                before + weight * part
                for before, part in zip(total, gradients, strict=True)
            ]
        parts = [
            ops.where(ops.isnan(way), 0, way * part)
            for way, part in zip(ways, total, strict=True)
        ]
        difference = batch.scores(ends) - batch.scores(starts)
        explained = sum(ops.sum(ops.reshape(p, (len(p), -1)), axis=1) for p in parts)
        return [*scoring.by_tokens(parts, ops.sum), explained - difference]

    *parts, gap = scoring.mapped(of, beginning, fixed=True, batch_size=batch_size)
    return IntegratedGradients(scoring.packed(parts), gap)


def _rule(steps, rule):
    """Places in (0, 1) and weights of a sum that is an integral, lists of floats."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    places, weights = (nodes + 1) / 2, weights / 2
    if rule == "cubic":
        places, weights = places**3, weights * 3 * places**2
    return places.tolist(), weights.tolist()


def _absent(scoring, batch, ends):
    """The values of no input at all."""
    if scoring.has_layer:
        return batch.values([ops.zeros_like(leaf) for leaf in batch.inputs])
    starts = [ops.zeros_like(end) for end in ends]
    if scoring.taps and scoring.kind is not BagTap:
        table = layers_of(scoring.model)[scoring.taps[0]].embeddings
        mean = ops.mean(ops.cast(table, ends[-1].dtype), axis=0)
        starts[-1] = ops.broadcast_to(mean, ops.shape(ends[-1]))
    return starts


def _leaves(scoring, baseline):
    """The arrays of a baseline, of the shapes of those of the inputs."""
    if scoring.taps and not scoring.has_layer and scoring.kind is BagTap:
        raise ValueError(
            "`baseline` must be None for a model with an EmbeddingBag, whose baseline "
            "is an empty bag."
        )
    leaves = [as_array(leaf) for leaf in tree.flatten(baseline)]
    if len(leaves) == 1 and leaves[0].ndim == 0:
        leaves *= len(scoring.leaves)
    if len(leaves) != len(scoring.leaves):
        raise ValueError(
            f"`baseline` must be {len(scoring.leaves)} arrays, as the inputs are. "
            f"Received: {len(leaves)}"
        )
    return [_of_shape(leaf, x) for leaf, x in zip(leaves, scoring.leaves, strict=True)]


def _of_shape(leaf, x):
    if leaf.shape not in ((), x.shape, x.shape[1:]):
        raise ValueError(
            f"`baseline` must be a number, or have the shape of the inputs, {x.shape}, "
            f"or of one of them, {x.shape[1:]}. Received: shape={leaf.shape}"
        )
    if x.dtype.kind != "f" and leaf.dtype.kind not in "iub":
        raise ValueError(
            "`baseline` must be integers where the inputs are. Received: "
            f"dtype={leaf.dtype}"
        )
    return np.broadcast_to(leaf, x.shape).astype(x.dtype)
