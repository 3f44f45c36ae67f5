"""SmoothGrad."""

import keras
import numpy as np
from keras import ops

from kdl.attribution.scores.scoring import Scoring
from kdl.checks import check_integer, check_number, check_seed
from kdl.seeds import ATTRIBUTION, generator
from kdl.typing import Arrays, Score


def smooth_grad(
    model: keras.Model,
    inputs: Arrays,
    score: Score | None = None,
    noise: float = 0.15,
    samples: int = 16,
    seed: int | None = 0,
    batch_size: int = 32,
) -> Arrays:
    """Returns the mean gradient of a score around each input.

        attributions = mean(d score(model(inputs + noise)) / d inputs)

    over samples of normal noise. A gradient by itself changes much from one pixel, or
    one input, to the next that looks the same; what remains of the mean is of more than
    one point.

    The paper looks at the absolute mean; here it keeps its sign.

    Args:
        model: `keras.Model`.
        inputs: As of `kdl.attribution.gradient`.
        score: As of `kdl.attribution.gradient`. Defaults to `None`, the class that is
            predicted for the inputs without noise.
        noise: Float in `(0, inf)`. Standard deviation of the noise, as a share of the
            range of the values of each example, from the least to the greatest. For
            tokens, that of their embeddings. The paper recommends 0.1 to 0.2. Defaults
            to `0.15`.
        samples: Integer in `[1, inf)`. Defaults to `16`.
        seed: Integer in `[0, 2**32)`, or `None` for one that differs each time. Draws
            the noise. Defaults to `0`.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Array, or dict or list of arrays, of the shape of the inputs. A token has the
        sum of the features of its embedding.

    Raises:
        ValueError: If an argument is outside its interval, and as of
            `kdl.attribution.gradient`.

    Example:

    >>> attributions = kdl.attribution.smooth_grad(model, x[:4], samples=4)
    >>> attributions.shape
    (4, 8, 8, 1)

    References:
        - [Smilkov et al., 2017](https://arxiv.org/abs/1706.03825)
    """
    noise = check_number("noise", noise, "(0, inf)")
    samples = check_integer("samples", samples, "[1, inf)")
    rng = generator(check_seed("seed", seed), ATTRIBUTION)
    scoring = Scoring(model, inputs, score)

    def of(batch):
        values = batch.values()
        scales = [noise * _range(value) for value in values]
        total = [0] * len(values)
        for _ in range(samples):
            noisy = [
                value + scale * _drawn(rng, value)
                for value, scale in zip(values, scales, strict=True)
            ]
            gradients, _ = batch.gradients(noisy)
            gradients = scoring.by_tokens(gradients, ops.sum)
            total = [
                before + part / samples
                for before, part in zip(total, gradients, strict=True)
            ]
        return total

    return scoring.packed(scoring.mapped(of, fixed=True, batch_size=batch_size))


def _drawn(rng, value):
    """A tensor of standard normal numbers, as the other one is."""
    numbers = rng.standard_normal(tuple(value.shape), "float32")
    return ops.cast(ops.convert_to_tensor(numbers), value.dtype)


def _range(value):
    """The greatest number of each example less the least, missing ones left out."""
    axes = tuple(range(1, len(value.shape)))
    missing = ops.isnan(value)
    greatest = ops.max(ops.where(missing, -np.inf, value), axes, keepdims=True)
    least = ops.min(ops.where(missing, np.inf, value), axes, keepdims=True)
    return ops.maximum(greatest - least, 0)
