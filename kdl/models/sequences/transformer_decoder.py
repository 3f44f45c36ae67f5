"""A Transformer decoder with scheduled sampling."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer
from kdl.layers import (
    SinusoidalPositionalEncoding,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)
from kdl.layers.sublayers import freeze_parts
from kdl.models.sequences.feeding import Feeding
from kdl.models.sequences.gradients import no_gradient
from kdl.models.sequences.token_decoder import TokenDecoder
from kdl.models.sequences.writing.decoding import sample
from kdl.schedules import number
from kdl.typing import FloatOrSchedule, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class TransformerDecoder(TokenDecoder):
    """Predicts each token of a sequence from those before it, by a Transformer.

    It is `kdl.models.RecurrentDecoder` with attention in the place of a cell, where it
    is said what scheduled sampling is for. A Transformer sees all tokens of a sequence
    at once, so that its own are those that it predicts in a pass before:

        own = choose(logits(tokens moved by one))
        fed = tokens moved by one where a coin says so, elsewhere own moved by one
        outputs = logits(fed)

    No gradient passes through the first pass, which drops nothing. With more `passes`,
    own tokens come of what was fed before, and so of sequences that are less and less
    true. Keras has nothing of the kind.

    Blocks normalize before each part, and a normalization follows the last one.
    Embeddings are multiplied by the root of their size and sinusoidal positions added.
    With a `memory` the blocks are `kdl.layers.TransformerDecoderBlock`s, which look
    something up there, and else causal `kdl.layers.TransformerEncoderBlock`s. Those
    keep what they have computed, so that no token is computed twice in writing.

    Padding is seen by none, but counted in positions: put it at the end.

    Args:
        vocabulary_size: Integer in `[1, inf)`. Number of tokens.
        embedding_dim: Even integer in `[2, inf)` that `num_heads` divides. Size of the
            vectors of tokens and of all features.
        num_layers: Integer in `[1, inf)`. Number of blocks.
        num_heads: Integer in `[1, inf)`. Heads of each attention.
        intermediate_dim: Integer in `[1, inf)`. Units of the feed-forward network,
            usually four times the features.
        dropout: Float in `[0, 1)`, or a schedule of it. Defaults to the paper's `0.1`.
        passes: Integer in `[1, inf)`. Passes in which own tokens are made. Defaults to
            `1`.
        feeding: Optional `kdl.models.Feeding`. What it is fed, in training and
            otherwise. Defaults to `None`, the true tokens.
        mask_zero: Boolean. Whether token 0 is padding, which is passed over and never
            predicted, and of which the outputs carry a mask. Defaults to `False`.
        seed: Optional integer. Makes the sequence of coins and draws reproducible on a
            given backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        tokens: Integer tensor of shape `(batch, length)`. The tokens to predict.
        memory: Optional float tensor of shape `(batch, memory_length, features)`.
        memory_mask: Optional boolean tensor of shape `(batch, memory_length)`: what may
            be seen. Defaults to `None`, the mask that Keras has for the memory, or all.
        training: Boolean. Whether to toss coins and to drop. Defaults to `False`.

    Returns:
        Tensor of logits, of shape `(batch, length, vocabulary_size)` and of the layer's
        compute dtype.

    Raises:
        ValueError: If an argument is outside its interval, if a token is outside the
            vocabulary or, with `mask_zero`, an example is nothing but padding, or if
            there is a memory in some calls only. Within a graph, which does not know
            the tokens, those of an example outside the vocabulary make its logits NaN,
            or the backend fails.

    Example:

    >>> tokens = keras.Input((None,), dtype="int32")
    >>> decoder = kdl.models.TransformerDecoder(10, 16, 2, 4, 64)
    >>> model = keras.Model(tokens, decoder(tokens))
    >>> tokens, lengths, scores = decoder.generate(5, by=kdl.models.Sampling(0.8))

    References:
        - [Mihaylova and Martins, 2019](https://arxiv.org/abs/1906.07651), who also mix
          the embeddings of several likely tokens
        - [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        num_layers: int,
        num_heads: int,
        intermediate_dim: int,
        dropout: FloatOrSchedule = 0.1,
        passes: int = 1,
        feeding: Feeding | None = None,
        mask_zero: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            vocabulary_size, embedding_dim, feeding, mask_zero, seed, **kwargs
        )
        self.num_layers = check_integer("num_layers", num_layers, "[1, inf)")
        self.num_heads = check_integer("num_heads", num_heads, "[1, inf)")
        self.intermediate_dim = check_integer(
            "intermediate_dim", intermediate_dim, "[1, inf)"
        )
        self.dropout = number("dropout", dropout, "[0, 1)")
        self.passes = check_integer("passes", passes, "[1, inf)")

    def build(self, tokens_shape: Shape, memory_shape: Shape | None = None) -> None:
        size, dtype = self.embedding_dim, self.dtype_policy
        shape = (None, None, size)
        self.positions = SinusoidalPositionalEncoding(dtype=dtype, name="positions")
        self.positions.build(shape)
        self._takes_memory = memory_shape is not None
        kind = (
            TransformerDecoderBlock if self._takes_memory else TransformerEncoderBlock
        )
        self.blocks = []
        for index in range(self.num_layers):
            block = kind(
                self.num_heads,
                self.intermediate_dim,
                self.dropout,
                causal=True,
                norm_first=True,
                seed=None if self.seed is None else (self.seed + index) % 2**32,
                dtype=dtype,
                name=f"block_{index}",
            )
            # One number for all, which a callback sees once.
            block.dropout = self.dropout
            block.build(shape, *[memory_shape] * self._takes_memory)
            self.blocks.append(block)
        self.norm = keras.layers.LayerNormalization(
            epsilon=1e-5, dtype=dtype, name="norm"
        )
        self.norm.build(shape)
        # Of variance 1, once it is multiplied by the root of the size.
        self.build_ends(size, keras.initializers.RandomNormal(stddev=size**-0.5))
        freeze_parts(self)

    def call(
        self,
        tokens: Tensor,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        context = {"memory": memory, "memory_mask": memory_mask}
        return self.predict_tokens(tokens, context, training)

    def forced(
        self, fed: Tensor, mask: Tensor, context: dict[str, Any], training: bool
    ) -> Tensor:
        x = self.positions(self._embedded(fed))
        options = {"mask": mask, "training": training}
        memory = self._memory(context)
        if memory is not None:
            options |= {"context": memory, "context_mask": context.get("memory_mask")}
        for block in self.blocks:
            x = block(x, **options)
        return self.norm(x)

    def mixed(
        self,
        true: Tensor,
        coins: Tensor,
        before: Tensor,
        mask: Tensor,
        context: dict[str, Any],
        training: bool,
    ) -> Tensor:
        fed = true
        for _ in range(self.passes):
            with no_gradient():
                features = self.forced(fed, mask, context, False)
                own = self.choose(features, self.noise(true, training))
                own = before(own, self.start)
            fed = own if coins is None else ops.where(coins, true, own)
        return self.forced(fed, mask, context, training)

    def free(
        self, true: Tensor, before: Tensor, mask: Tensor, context: dict[str, Any]
    ) -> Tensor:
        # In passes, tokens would be those of a step before; here each waits for them.
        own, *_ = sample(self, ops.zeros_like(true) - 1, context)
        return self.forced(before(own, self.start), mask, context, False)

    def begin(self, batch: Tensor, length: Tensor, context: dict[str, Any]) -> Any:
        memory, mask = self._memory(context), context.get("memory_mask")
        parts = [] if memory is None else [memory, mask]
        return [block.make_cache(batch, length, *parts) for block in self.blocks]

    def advance(self, state: Tensor, token: Tensor, step: Tensor) -> tuple[Tensor, Any]:
        x = self.positions(self._embedded(token[:, None]), start_index=step)
        after = []
        for block, cache in zip(self.blocks, state, strict=True):
            x, cache = block(x, cache=cache, index=step)
            after.append(cache)
        return self.logits(self.norm(x)[:, 0]), after

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "dropout": keras.saving.serialize_keras_object(self.dropout),
            "passes": self.passes,
        }

    def _embedded(self, tokens):
        return self.embedding(tokens) * self.embedding_dim**0.5

    def _memory(self, context):
        return self.check_memory(context.get("memory"), self._takes_memory)
