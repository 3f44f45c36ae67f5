"""Embedding bag."""

from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_integer, check_optional
from kdl.layers.known_values import Int32Inputs, is_concrete
from kdl.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class EmbeddingBag(Int32Inputs, keras.layers.Embedding):
    """Looks up the embeddings of a bag of tokens, and combines them into one.

        outputs[b] = sum(weights[b, i] * embeddings[indices[b, i]] for i), or their
            mean, or the largest of each feature

    over the tokens `i` that are neither masked nor padding. A bag without any is zero,
    and so is one of a batch whose bags have a length of 0.

    Keras's `Embedding`, followed by a sum, first writes down the embeddings of all
    tokens, `(batch, bag, output_dim)`. This layer goes through them a few positions of
    the bags at a time, also in the gradient, and so needs memory for the table and
    for the outputs only; on PyTorch, `torch.nn.functional.embedding_bag` does so. Sums
    are taken in float32, whatever the dtype.

    Args:
        input_dim: Integer in `[1, inf)`. Number of tokens.
        output_dim: Integer in `[1, inf)`. Features of an embedding.
        combiner: `"sum"`, `"mean"` or `"max"`. Defaults to `"sum"`.
        padding_index: Optional integer. Token that fills up bags shorter than the
            others, and counts for nothing. It need not be in the table, such as `-1`.
            Defaults to `None`, no token. It fits into 32 bits.
        **kwargs: Arguments of `keras.layers.Embedding`, such as
            `embeddings_initializer`.

    Call arguments:
        indices: Integer tensor of shape `(batch, bag)`.
        weights: Optional float tensor of the same shape, for `combiner="sum"`.
            Defaults to `None`, ones.
        mask: Optional boolean tensor of the same shape: which tokens count. Defaults
            to `None`, the mask that Keras has for the indices, or all.

    Returns:
        Tensor of shape `(batch, output_dim)` and of the layer's compute dtype.

    Raises:
        ValueError: If an argument is outside its interval, if weights are given to
            another combiner, or if a token that counts is not in `[0, input_dim)`. The
            last can be known outside a graph only; within one, each backend does with
            such a token what it does in `Embedding`.

    Example:

    >>> layer = kdl.layers.EmbeddingBag(100, 8, combiner="mean", padding_index=0)
    >>> outputs = layer(np.array([[3, 7, 7], [42, 0, 0]]))

    References:
        - [Joulin et al., 2017](https://arxiv.org/abs/1607.01759), bags of n-grams
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        combiner: Literal["sum", "mean", "max"] = "sum",
        padding_index: int | None = None,
        **kwargs: Any,
    ) -> None:
        input_dim = check_integer("input_dim", input_dim, "[1, inf)")
        output_dim = check_integer("output_dim", output_dim, "[1, inf)")
        super().__init__(input_dim, output_dim, **kwargs)
        self.combiner = check_choice("combiner", combiner, ("sum", "mean", "max"))
        interval = "[-2147483648, 2147483647]"
        self.padding_index = check_optional(
            check_integer, "padding_index", padding_index, interval
        )
        if self.mask_zero:
            raise ValueError(
                "EmbeddingBag takes `padding_index=0` rather than `mask_zero=True`."
            )
        self.supports_masking = True
        self.input_spec = keras.InputSpec(ndim=2)

    def call(
        self, indices: Tensor, weights: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        self._check_weights(weights)
        if indices.shape[1] == 0:
            shape = ops.shape(indices)[0], self.output_dim
            return ops.zeros(shape, self.compute_dtype)
        kept = mask
        if self.padding_index is not None:
            kept = indices != self.padding_index
            kept = kept if mask is None else ops.logical_and(kept, mask)
        if kept is not None:
            # In place of what does not count, a token of the same bag that does, so
            # that no other is looked up. It changes no maximum.
            first = ops.argmax(ops.cast(kept, "int32"), axis=1, keepdims=True)
            first = ops.take_along_axis(indices, ops.cast(first, "int32"), axis=1)
            is_filled = ops.any(kept, axis=1, keepdims=True)
            first = ops.where(is_filled, first, ops.zeros_like(first))
            indices = ops.where(kept, indices, first)
        if is_concrete(indices):
            self._check_indices(indices)
        # Clipped, as a cast would make tokens of the table of some that are not.
        indices = ops.cast(ops.clip(indices, -1, self.input_dim), "int32")
        table = ops.cast(self.embeddings, "float32")
        if self.combiner == "max":
            outputs = _largest(table, indices)
        else:
            outputs = _sum(table, indices, self._factors(indices, weights, kept))
        if kept is not None:
            outputs = ops.where(is_filled, outputs, 0)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape[0], self.output_dim

    def compute_output_spec(
        self, indices: Tensor, weights: Tensor | None = None, mask: Tensor | None = None
    ) -> Any:
        self._check_weights(weights)
        shape = self.compute_output_shape(indices.shape)
        return keras.KerasTensor(shape, self.compute_dtype)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        return None

    def _factors(self, indices, weights, kept):
        """What each embedding is multiplied by, or `None` for ones."""
        if weights is not None:
            weights = ops.cast(weights, "float32")
        if kept is not None:
            kept = ops.cast(kept, "float32")
        elif self.combiner == "mean":
            kept = ops.ones(ops.shape(indices), "float32")
        if self.combiner == "mean":
            count = ops.sum(kept, axis=1, keepdims=True)
            return kept / ops.maximum(count, 1)
        if weights is None or kept is None:
            return kept if weights is None else weights
        return ops.where(kept > 0, weights, 0)

    def _check_weights(self, weights):
        if weights is not None and self.combiner != "sum":
            raise ValueError(
                "EmbeddingBag takes `weights` with combiner='sum' only. Received: "
                f"combiner={self.combiner!r}"
            )

    def _check_indices(self, indices):
        if 0 in indices.shape:
            return
        low, high = int(ops.min(indices)), int(ops.max(indices))
        if low < 0 or high >= self.input_dim:
            raise ValueError(
                f"`indices` of EmbeddingBag must be in [0, {self.input_dim}), its "
                f"`input_dim`. Received: indices from {low} to {high}"
            )

    def get_config(self) -> dict[str, Any]:
        own = {"combiner": self.combiner, "padding_index": self.padding_index}
        return {**super().get_config(), **own}


def _sum(table, indices, factors):
    """Sum of the embeddings of each bag, times factors unless they are `None`."""
    batch, bag = ops.shape(indices)
    match keras.backend.backend():
        case "torch":
            import torch

            return torch.nn.functional.embedding_bag(
                indices, table, mode="sum", per_sample_weights=factors
            )
        case "tensorflow":
            # It copies the gradient of the table whenever it adds to it. As many
            # positions at a time as take no more memory than the table:
            step = ops.maximum(table.shape[0] // ops.maximum(batch, 1), 1)
            # What fills up the last step counts for nothing.
            if factors is None:
                factors = ops.ones((batch, bag), table.dtype)
        case _:
            step = 1
    steps = (bag + step - 1) // step

    def split(array):
        """Array of shape (steps, step, batch), filled up with zeros."""
        array = ops.transpose(array)
        missing = ops.zeros((steps * step - bag, batch), array.dtype)
        return ops.reshape(ops.concatenate([array, missing]), (steps, step, batch))

    tokens = split(indices)

    def forward(table, factors=None):
        factors = None if factors is None else split(factors)

        def rows(i):
            return ops.take(table, ops.take(tokens, i, 0), 0)

        def scaled(values, i):
            if factors is None:
                return values
            return values * ops.take(factors, i, 0)[:, :, None]

        def add(i, total):
            return total + ops.sum(scaled(rows(i), i), axis=0)

        def backward(upstream):
            def scatter(i, gradient):
                places = ops.reshape(ops.take(tokens, i, 0), (-1, 1))
                updates = ops.broadcast_to(upstream, (step, *ops.shape(upstream)))
                updates = ops.reshape(scaled(updates, i), (-1, table.shape[1]))
                return ops.scatter_update(gradient, places, updates, reduction="add")

            def multiply(i, gradient):
                products = ops.sum(rows(i) * upstream, axis=2)
                return ops.scatter_update(gradient, [[i]], products[None])

            gradient = ops.fori_loop(0, steps, scatter, ops.zeros_like(table))
            if factors is None:
                return gradient
            others = ops.fori_loop(0, steps, multiply, ops.zeros_like(factors))
            others = ops.reshape(others, (-1, batch))[:bag]
            return gradient, ops.transpose(others)

        zeros = ops.zeros((batch, table.shape[1]), table.dtype)
        return ops.fori_loop(0, steps, add, zeros), backward

    arguments = (table,) if factors is None else (table, factors)
    return ops.custom_gradient(forward)(*arguments)


def _largest(table, indices):
    """Largest value of each feature among the embeddings of each bag."""
    match keras.backend.backend():
        case "torch":
            import torch

            return torch.nn.functional.embedding_bag(indices, table, mode="max")
    shape = ops.shape(indices)[0], table.shape[1]
    tokens = ops.transpose(indices)

    def forward(table):
        def compare(i, state):
            best, which = state
            token = ops.take(tokens, i, 0)
            rows = ops.take(table, token, 0)
            # The first one of equal rows.
            is_larger = rows > best
            return ops.where(is_larger, rows, best), ops.where(
                is_larger, token[:, None], which
            )

        token = ops.take(tokens, 0, 0)
        start = ops.take(table, token, 0), ops.broadcast_to(token[:, None], shape)
        best, which = ops.fori_loop(0, ops.shape(tokens)[0], compare, start)

        def backward(upstream):
            features = ops.broadcast_to(ops.arange(shape[1], dtype="int32"), shape)
            places = ops.reshape(ops.stack([which, features], axis=-1), (-1, 2))
            updates = ops.reshape(upstream, (-1,))
            zeros = ops.zeros_like(table)
            return ops.scatter_update(zeros, places, updates, reduction="add")

        return best, backward

    return ops.custom_gradient(forward)(table)
