"""Sparse initialization."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops
from numpy.typing import DTypeLike

from kdl.checks import check_integer, check_number, check_seed_or_generator
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Sparse(keras.initializers.RandomNormal):
    """Draws a fixed number of nonzero incoming weights for each unit.

    Each unit `j`, along the last axis, has `nonzeros` weights from
    `N(0, stddev ** 2)` at places drawn without replacement, and zeros elsewhere. What
    a unit sums up then does not grow with the number of its inputs, so that units may
    be strongly driven without all being driven alike.

    Keras has no sparse initializer. `torch.nn.init.sparse_` takes the share of
    zeros instead, and a standard deviation of 0.01 by default. The zeros are but a
    start: they learn as all weights do.

    Args:
        nonzeros: Integer in `[1, inf)`. Number of nonzero weights of each unit.
            Defaults to `15`, as in the papers.
        stddev: Float in `(0, inf)`. Standard deviation of these. Defaults to `1.0`.
        seed: Optional integer or `keras.random.SeedGenerator`. Makes the places and
            values reproducible on a given backend. Defaults to `None`.

    Call arguments:
        shape: Tuple of integers. Shape of the weight, whose axes but the last are the
            inputs of a unit.
        dtype: Optional dtype. Defaults to `None`, that of Keras.

    Returns:
        Tensor of that shape and dtype.

    Raises:
        ValueError: If an argument is outside its interval, or if a unit has fewer
            inputs than `nonzeros`.

    Example:

    >>> initializer = kdl.initializers.Sparse(nonzeros=15)
    >>> layer = keras.layers.Dense(8, "tanh", kernel_initializer=initializer)
    >>> outputs = layer(keras.ops.ones((1, 64)))

    References:
        - [Martens, 2010](https://www.cs.toronto.edu/~jmartens/docs/Deep_HessianFree.pdf)
        - [Sutskever et al., 2013](https://proceedings.mlr.press/v28/sutskever13.html)
    """

    def __init__(
        self,
        nonzeros: int = 15,
        stddev: float = 1.0,
        seed: int | keras.random.SeedGenerator | None = None,
    ) -> None:
        stddev = check_number("stddev", stddev, "(0, inf)")
        seed = check_seed_or_generator("seed", seed)
        super().__init__(stddev=stddev, seed=seed)
        self.nonzeros = check_integer("nonzeros", nonzeros, "[1, inf)")

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
        dtype = dtype or keras.config.floatx()
        inputs = math.prod(shape[:-1]) if len(shape) > 1 else 0
        if inputs < self.nonzeros:
            raise ValueError(
                "`nonzeros` must be at most the number of inputs of a unit. "
                f"Received: nonzeros={self.nonzeros}, shape={tuple(shape)}, whose "
                f"units have {inputs} inputs"
            )
        # One draw for both: with a seed that is an integer, two would be related. In
        # bfloat16, equal scores would be frequent, and favour the first inputs.
        wide = keras.backend.result_type(dtype, "float32")
        values, scores = super().__call__((2, inputs, shape[-1]), dtype=wide)
        ranks = ops.argsort(ops.argsort(scores, axis=0), axis=0)
        values = ops.where(ranks < self.nonzeros, values, 0.0)
        return ops.cast(ops.reshape(values, shape), dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["mean"]
        return {**config, "nonzeros": self.nonzeros}
