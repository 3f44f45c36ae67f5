"""Piecewise linear encoding of numbers."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kdl.checks import check_integer
from kdl.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class PiecewiseLinearEncoding(keras.layers.Layer):
    """Encodes each number by how far it reaches through bins of its feature.

    A feature with edges `b[0] < b[1] < … < b[T]` becomes `T` numbers:

        outputs[t] = (x - b[t - 1]) / (b[t] - b[t - 1])

    clipped to `[0, 1]`, except that the first is not clipped from below and the last
    not from above. A network of dense layers learns steep and uneven functions of a
    number more quickly from them than from the number itself. With quantiles as edges,
    their mean is the quantile transform.

    Args:
        edges: List of lists of floats, one for each feature: two or more numbers that
            increase. `PiecewiseLinearEncoding.quantiles` finds them in data.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(..., features)`. NaN stays NaN.

    Returns:
        Tensor of shape `(..., bins)` and of the layer's compute dtype: the bins of the
        first feature, those of the second, and so on.

    Raises:
        ValueError: If `edges` do not increase, or if the inputs have another number of
            features.

    Example:

    >>> x = np.random.default_rng(0).lognormal(size=(100, 3))
    >>> edges = kdl.layers.PiecewiseLinearEncoding.quantiles(x, bins=8)
    >>> inputs = keras.Input((3,))
    >>> outputs = kdl.layers.PiecewiseLinearEncoding(edges)(inputs)

    References:
        - [Gorishniy et al., 2022](https://arxiv.org/abs/2203.05556), section 3.2
    """

    def __init__(self, edges: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.edges = _check_edges(edges)
        # Of each bin: its feature, where it begins, its width, and its interval.
        bins = [
            (n, left, right - left, *_interval(t, len(row) - 1))
            for n, row in enumerate(self.edges)
            for t, (left, right) in enumerate(itertools.pairwise(row))
        ]
        # Tuples, since PyTorch compiles no arrays, nor lists of a layer.
        self._feature, self._left, self._width, self._low, self._high = zip(
            *bins, strict=True
        )

    @staticmethod
    def quantiles(x: ArrayLike, bins: int) -> list[list[float]]:
        """Returns edges between which there are about as many values of each feature.

        Args:
            x: Array of shape `(examples, features)`. NaN is left out.
            bins: Integer in `[1, inf)`. Number of bins. A feature whose quantiles
                coincide gets fewer.

        Returns:
            List of lists of floats. A feature of a single value `v` has the edges
            `[v, v + 1]`.

        Raises:
            ValueError: If a feature has no finite value.
        """
        check_integer("bins", bins, "[1, inf)")
        edges = []
        for number, column in enumerate(np.asarray(x, "float64").T):
            column = column[np.isfinite(column)]
            if not len(column):
                raise ValueError(
                    f"`x` must have a finite number in each feature. Feature {number} "
                    "has none."
                )
            # Those that differ as float32 too, in which the layer computes.
            row = np.quantile(column, np.linspace(0, 1, bins + 1)).astype("float32")
            row = np.unique(row).astype("float64").tolist()
            edges.append(row if len(row) > 1 else [row[0], row[0] + 1.0])
        return edges

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        left, width, low, high = (
            ops.convert_to_tensor(part, self.compute_dtype)
            for part in (self._left, self._width, self._low, self._high)
        )
        feature = ops.convert_to_tensor(self._feature, "int32")
        reach = (ops.take(inputs, feature, axis=-1) - left) / width
        return ops.minimum(ops.maximum(reach, low), high)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if input_shape[-1] != len(self.edges):
            raise ValueError(
                f"The layer {self.name!r} has edges of {len(self.edges)} features. "
                f"Received: inputs of shape {tuple(input_shape)}"
            )
        return (*input_shape[:-1], len(self._feature))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "edges": self.edges}


def _interval(t, count):
    """What the bin `t` of `count` is clipped to."""
    return 0.0 if t else -math.inf, 1.0 if t < count - 1 else math.inf


def _check_edges(edges):
    """Returns edges as lists of floats, provided those of each feature increase."""
    try:
        rows = [np.asarray(row, "float64") for row in edges]
        fits = len(rows) > 0 and all(
            row.ndim == 1
            and len(row) > 1
            and np.isfinite(row).all()
            and (np.diff(row) > 0).all()
            for row in rows
        )
    except (TypeError, ValueError):
        fits = False
    if not fits or isinstance(edges, (str, dict)):
        raise ValueError(
            "`edges` must be a list of lists, one for each feature, of two or more "
            f"finite numbers that increase. Received: edges={edges!r}"
        )
    return [row.tolist() for row in rows]
