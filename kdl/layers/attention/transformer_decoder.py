"""The decoder block of the Transformer."""

from typing import Any

import keras
from keras import ops

from kdl.layers.attention.transformer_encoder import TransformerEncoderBlock
from kdl.layers.sublayers import freeze_parts
from kdl.typing import FloatOrSchedule, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class TransformerDecoderBlock(TransformerEncoderBlock):
    """Lets each token look at earlier ones, then at a context, and then at itself.

        x = norm(inputs + drop(attention(inputs)))
        x = norm(x + drop(cross_attention(x, context)))
        outputs = norm(x + drop(feed_forward(x)))

    or, if `norm_first`, `x + drop(part(norm(x)))` for each of the three parts. It is a
    `kdl.layers.TransformerEncoderBlock` that is causal, with a part between: queries
    are of `x`, keys and values of the context, such as the outputs of an encoder. What
    is said there of masks, precision and deviations holds here as well. Keras has no
    such layer; PyTorch has it as `TransformerDecoderLayer`.

    Without a context there is nothing to look at: a decoder-only model is made of
    `TransformerEncoderBlock(causal=True)`.

    Args:
        num_heads: Integer in `[1, inf)` that divides the features of the inputs. Heads
            of 64 features are usual.
        intermediate_dim: Integer in `[1, inf)`. Units of the feed-forward network,
            usually four times the features.
        dropout: Float in `[0, 1)`, or a schedule of it. Probability that a weight of
            an attention, or a unit, is dropped. Defaults to the paper's `0.1`.
        causal: Boolean. Whether a token sees no later ones. Defaults to `True`.
        **kwargs: `activation`, `norm_first`, `epsilon`, `kernel_initializer`,
            `bias_initializer`, `use_bias` and `seed`, as of
            `kdl.layers.TransformerEncoderBlock`, and arguments of
            `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, length, features)`. The length may be
            `None`.
        context: Float tensor of shape `(batch, context_length, context_features)`.
            `None` with a cache, which has it.
        mask: Optional boolean tensor of shape `(batch, length)`: which tokens may be
            seen. Defaults to `None`, the mask that Keras has for the inputs, or all.
            By keyword, for Keras to pass it on to the outputs.
        context_mask: The same for the context, where it is not passed on.
        attention_mask: Optional boolean tensor of shape `(batch, length, length)`, or
            `(batch, num_heads, length, length)`: which tokens each token may see, as
            of `kdl.layers.TransformerEncoderBlock`. Defaults to `None`, all.
        context_attention_mask: Optional boolean tensor of shape `(batch, length,
            context_length)`, or with the heads: which parts of the context each token
            may see. Defaults to `None`, all.
        cache: Optional cache, for decoding. Defaults to `None`.
        index: Integer or scalar integer tensor, together with a cache. Place of the
            first token of the inputs. Defaults to `None`.
        training: Boolean. Whether to drop. Defaults to `False`.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype; with a
        cache, a tuple of this and of the cache that has the inputs as well.

    Raises:
        ValueError: If an argument is outside its interval, if `num_heads` does not
            divide the features, if there is neither a context nor a cache, or both, or
            if a token is beyond the cache. Within a graph that does not know `index`,
            the outputs from then on are NaN instead, or the backend fails.

    Example:

    >>> block = kdl.layers.TransformerDecoderBlock(2, 16)
    >>> x, context = keras.random.normal((1, 5, 8)), keras.random.normal((1, 7, 6))
    >>> outputs = block(x, context)
    >>> cache = block.make_cache(batch_size=1, max_length=5, context=context)
    >>> first, cache = block(x[:, :4], cache=cache, index=0)
    >>> last, cache = block(x[:, 4:], cache=cache, index=4)

    References:
        - [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        dropout: FloatOrSchedule = 0.1,
        causal: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_heads, intermediate_dim, dropout, causal=causal, **kwargs)

    def build(self, inputs_shape: Shape, context_shape: Shape | None = None) -> None:
        if context_shape is None:
            self._refuse("neither")
        super().build(inputs_shape)
        self.cross_attention, self.cross_attention_norm = self._attention_and_norm(
            "cross_attention", inputs_shape, context_shape
        )
        freeze_parts(self)

    def make_cache(  # type: ignore[override]  # It takes a context, too.
        self,
        batch_size: int,
        max_length: int,
        context: Tensor,
        context_mask: Tensor | None = None,
    ) -> Tensor:
        """Returns a cache of a context and no tokens, by which to decode.

        It is that of `kdl.layers.TransformerEncoderBlock.make_cache`, with the keys and
        values of the context, which are computed here, once.

        Args:
            batch_size: Integer in `[0, inf)`.
            max_length: Integer in `[0, inf)`. Greatest number of tokens.
            context: Float tensor of shape `(batch_size, context_length,
                context_features)`.
            context_mask: Optional boolean tensor of shape `(batch_size,
                context_length)`. Defaults to `None`, the mask that Keras has for the
                context, or all.

        Raises:
            ValueError: If an argument is outside its interval, or if the block is not
                causal or not built.
        """
        cache = super().make_cache(batch_size, max_length)
        memory = self.cross_attention(context, mask=context_mask)
        if memory["mask"] is None:
            memory["mask"] = ops.ones(ops.shape(context)[:2], "bool")
        return {**cache, "context": memory}

    def call(  # type: ignore[override]  # It takes a context, too.
        self,
        inputs: Tensor,
        context: Tensor | None = None,
        mask: Tensor | None = None,
        context_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        context_attention_mask: Tensor | None = None,
        cache: Tensor | None = None,
        index: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        if (context is None) == (cache is None):
            self._refuse("neither" if cache is None else "both")
        drop = self._dropper(training)
        outputs, cache = self._attend_to_itself(
            inputs, mask, attention_mask, cache, index, drop
        )
        if cache is None:
            memory = self.cross_attention(context, mask=context_mask)
        else:
            memory = cache["context"]
        x = self._before(self.cross_attention_norm, outputs)
        x = self.cross_attention.attend(
            x, memory, drop, attention_mask=context_attention_mask
        )
        outputs = self._after(self.cross_attention_norm, outputs, x, drop)
        outputs = self._feed_forward(outputs, drop)
        return outputs if cache is None else (outputs, cache)

    def _refuse(self, received):
        raise ValueError(
            f"The layer {self.name!r} takes a context, which it also needs when it is "
            f"built, or a cache that has one. Received: {received}"
        )
