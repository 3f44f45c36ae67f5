"""Occlusion."""

import itertools
import math

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kdl.attribution.scores.scoring import Scoring
from kdl.checks import check_integers, check_number
from kdl.typing import Score


def occlusion(
    model: keras.Model,
    inputs: ArrayLike,
    score: Score | None = None,
    window: int | tuple[int, int] = 1,
    stride: int | tuple[int, int] | None = None,
    value: float = 0.0,
    batch_size: int = 32,
) -> np.ndarray:
    """Returns by how much a score falls where a part of the input is covered.

    A window slides over height and width, or over the length of tokens or of a
    sequence; within it, all channels get `value`. An attribution is the mean of the
    falls of all windows that cover the place.

    It needs no gradient, sees what happens in fact, and takes a prediction for each
    place of the window.

    Args:
        model: `keras.Model`.
        inputs: Array of shape `(examples, height, width, channels)`, `(examples,
            length, features)` or `(examples, length)`. Integers, such as tokens, will
            do.
        score: As of `kdl.attribution.gradient`. Defaults to `None`, the class that is
            predicted for the inputs as they are.
        window: Integer in `[1, inf)`, or a tuple of height and width. Defaults to `1`.
        stride: Integer in `[1, inf)`, or a tuple of two. By how much the window moves;
            not more than its size. Defaults to `None`, half of the window, rounded up.
        value: Number that covers, such as the token of padding. Defaults to `0.0`.
        batch_size: Integer in `[1, inf)`. Examples at once. Defaults to `32`.

    Returns:
        Array of shape `(examples, height, width)` or `(examples, length)`.

    Raises:
        ValueError: If an argument is outside its interval, if the window is larger
            than the inputs, if the stride is larger than the window, if inputs are
            several arrays or of another shape, and as of `kdl.attribution.gradient`.

    Example:

    >>> attributions = kdl.attribution.occlusion(model, x[:4], window=2)
    >>> attributions.shape
    (4, 8, 8)

    References:
        - [Zeiler and Fergus, 2013](https://arxiv.org/abs/1311.2901)
    """
    value = check_number("value", value, "(-inf, inf)")
    scoring = Scoring(model, inputs, score, needs_gradients=False)
    shape = _places(scoring)
    window = _sizes("window", window, shape)
    stride = (
        tuple((size + 1) // 2 for size in window)
        if stride is None
        else _sizes("stride", stride, window)
    )
    windows = [
        [slice(start, start + size) for start in _starts(length, size, step)]
        for length, size, step in zip(shape, window, stride, strict=True)
    ]

    def of(batch):
        before = batch.scores()
        (x,) = batch.inputs
        falls, counts = np.zeros((x.shape[0], *shape)), np.zeros(shape)
        channels = [1] * (len(x.shape) - 1 - len(shape))
        for place in itertools.product(*windows):
            covered = np.zeros((1, *shape, *channels), bool)
            covered[(0, *place)] = True
            hidden = ops.where(covered, ops.cast(value, x.dtype), x)
            fall = ops.convert_to_numpy(before - batch.scores(inputs=[hidden]))
            falls[(slice(None), *place)] += fall[(slice(None), *[None] * len(shape))]
            counts[place] += 1
        return [(falls / counts).astype("float32")]

    return scoring.mapped(of, fixed=True, batch_size=batch_size)[0]


def _places(scoring):
    """Height and width, or the length, of the inputs."""
    shapes = [leaf.shape for leaf in scoring.leaves]
    if len(shapes) > 1 or len(shapes[0]) not in (2, 3, 4):
        received = ", ".join(map(str, shapes))
        raise ValueError(
            "`inputs` must be one array, of shape (examples, height, width, channels), "
            "(examples, length, features) or (examples, length). Received: "
            f"shape={received}"
        )
    (shape,) = shapes
    return shape[1:] if len(shape) == 2 else shape[1:-1]


def _sizes(name, value, most):
    sizes = check_integers(name, value, "[1, inf)", len(most))
    sizes = sizes if isinstance(sizes, tuple) else (sizes,) * len(most)
    if any(size > limit for size, limit in zip(sizes, most, strict=True)):
        limit = "the inputs" if name == "window" else "the window"
        raise ValueError(
            f"`{name}` must not be larger than {limit}, {most}. Received: "
            f"{name}={value!r}"
        )
    return sizes


def _starts(length, size, step):
    """Where windows begin, of which the last ends with the inputs or beyond."""
    return range(0, 1 + step * math.ceil((length - size) / step), step)
