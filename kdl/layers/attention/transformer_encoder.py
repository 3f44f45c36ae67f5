"""The encoder block of the Transformer."""

import numbers
from typing import Any

import keras
from keras import ops

from kdl.checks import (
    check_boolean,
    check_integer,
    check_number,
    check_part,
    check_seed,
)
from kdl.layers.attention.multi_head_attention import Attention, dense
from kdl.layers.dropout.dropout import drop
from kdl.layers.embedding.positions import as_position, is_within
from kdl.layers.sublayers import freeze_parts
from kdl.schedules import now, number
from kdl.typing import ActivationLike, FloatOrSchedule, InitializerLike, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class TransformerEncoderBlock(keras.layers.Layer):
    """Lets each token of a sequence look at the others, and then at itself.

        x = norm(inputs + drop(attention(inputs)))
        outputs = norm(x + drop(feed_forward(x)))

    or, if `norm_first`, `x + drop(part(norm(x)))` for each of the two parts:

        attention(x) = concatenate([drop(softmax(q @ k.T / sqrt(size))) @ v
            for each head]) @ kernel + bias,   q, k and v linear in x
        feed_forward(x) = drop(activation(x @ kernel + bias)) @ kernel + bias

    With `causal=True` a token sees earlier ones and itself only, and a stack of these
    blocks is a decoder-only language model. It can then decode by a cache: see
    `make_cache`. Blocks see no order: add `kdl.layers.SinusoidalPositionalEncoding` or
    `kdl.layers.LearnedPositionalEmbedding` before the first one.

    Keras has `MultiHeadAttention`, whose rate of dropout is fixed when it is compiled,
    and which has no cache. The block computes what PyTorch's `TransformerEncoderLayer`
    does. Like that, and unlike the paper, it also drops weights of the attention and
    units within the feed-forward network. Unlike that, its keys have no bias, which
    would change nothing. Softmax and normalization are computed in float32, whatever
    the dtype.

    Masked tokens are seen by none. They still get outputs, for the loss to pass over. A
    token that may see none has the projection's bias for its attention, where PyTorch
    gives NaN.

    Args:
        num_heads: Integer in `[1, inf)` that divides the features of the inputs. Heads
            of 64 features are usual.
        intermediate_dim: Integer in `[1, inf)`. Units of the feed-forward network,
            usually four times the features.
        dropout: Float in `[0, 1)`, or a schedule of it. Probability that a weight of
            the attention, or a unit, is dropped. Defaults to the paper's `0.1`.
        activation: Name or function of the activation of the feed-forward network, such
            as `"gelu"`. Defaults to the paper's `"relu"`.
        norm_first: Boolean. Whether to normalize before each part, which trains deep
            networks without a warm-up of the learning rate. The last block then needs a
            `keras.layers.LayerNormalization` after it. Defaults to `False`, as in the
            paper.
        epsilon: Float in `(0, inf)`. What layer normalization adds to a variance.
            Defaults to `1e-5`, that of PyTorch.
        causal: Boolean. Whether a token sees no later ones. Defaults to `False`.
        kernel_initializer: Name or `keras.initializers.Initializer`. One with a seed
            draws the same for all kernels of one shape. Defaults to `"glorot_uniform"`.
        bias_initializer: Name or `keras.initializers.Initializer`. Defaults to
            `"zeros"`.
        use_bias: Boolean. Whether kernels have biases and normalizations shift, as of
            PyTorch's `bias`. Defaults to `True`.
        seed: Optional integer. Makes the sequence of masks of dropout reproducible on a
            given backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, length, features)`. The length may be
            `None`.
        mask: Optional boolean tensor of shape `(batch, length)`: which tokens may be
            seen. Defaults to `None`, the mask that Keras has for the inputs, or all.
            By keyword, for Keras to pass it on to the outputs.
        attention_mask: Optional boolean tensor of shape `(batch, length, length)`, or
            `(batch, num_heads, length, length)`: which tokens, on the last axis, each
            token may see, among those that `mask` and `causal` let it see. With a
            cache, the last axis is that of its places. Defaults to `None`, all.
        cache: Optional cache, for decoding. Defaults to `None`.
        index: Integer or scalar integer tensor, together with a cache. Place of the
            first token of the inputs. Defaults to `None`.
        training: Boolean. Whether to drop. Defaults to `False`.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype; with a
        cache, a tuple of this and of the cache that has the inputs as well.

    Raises:
        ValueError: If an argument is outside its interval, if `num_heads` does not
            divide the features, or if a token is beyond the cache. Within a graph that
            does not know `index`, the outputs from then on are NaN instead, or the
            backend fails.

    Example:

    >>> block = kdl.layers.TransformerEncoderBlock(2, 16, causal=True)
    >>> x = keras.random.normal((1, 5, 8))
    >>> outputs = block(x)
    >>> cache = block.make_cache(batch_size=1, max_length=5)
    >>> first, cache = block(x[:, :4], cache=cache, index=0)
    >>> last, cache = block(x[:, 4:], cache=cache, index=4)

    References:
        - [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762)
        - [Xiong et al., 2020](https://arxiv.org/abs/2002.04745), of `norm_first`
    """

    def __init__(
        self,
        num_heads: int,
        intermediate_dim: int,
        dropout: FloatOrSchedule = 0.1,
        activation: ActivationLike = "relu",
        norm_first: bool = False,
        epsilon: float = 1e-5,
        causal: bool = False,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        use_bias: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = check_integer("num_heads", num_heads, "[1, inf)")
        self.intermediate_dim = check_integer(
            "intermediate_dim", intermediate_dim, "[1, inf)"
        )
        self.dropout = number("dropout", dropout, "[0, 1)")
        self.activation = check_part("activation", activation, "activation")
        self.norm_first = check_boolean("norm_first", norm_first)
        self.epsilon = check_number("epsilon", epsilon, "(0, inf)")
        self.causal = check_boolean("causal", causal)
        self.kernel_initializer = check_part(
            "kernel_initializer", kernel_initializer, "initializer"
        )
        self.bias_initializer = check_part(
            "bias_initializer", bias_initializer, "initializer"
        )
        self.use_bias = check_boolean("use_bias", use_bias)
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True
        self.input_spec = keras.InputSpec(ndim=3)

    def build(self, inputs_shape: Shape) -> None:
        size = inputs_shape[-1]
        if size is None or size % self.num_heads:
            raise ValueError(
                f"`num_heads` of the layer {self.name!r} must divide the features of "
                f"its inputs. Received: num_heads={self.num_heads}, inputs of shape "
                f"{tuple(inputs_shape)}"
            )
        self.attention, self.attention_norm = self._attention_and_norm(
            "attention", inputs_shape, inputs_shape
        )
        units = self.intermediate_dim
        self.intermediate = dense(self, units, "intermediate", inputs_shape)
        shape = (*inputs_shape[:-1], units)
        self.projection = dense(self, size, "projection", shape)
        self.feed_forward_norm = self._norm("feed_forward_norm", inputs_shape)
        self.input_spec = keras.InputSpec(ndim=3, axes={-1: size})
        freeze_parts(self)

    def make_cache(self, batch_size: Tensor, max_length: Tensor) -> Tensor:
        """Returns an empty cache, by which to decode without computing tokens anew.

        The block is called with it on one or several tokens at a time, and returns it
        with their keys and values. It is a dict of tensors whose shapes stay the same,
        so that a step compiles once, and whose first axis is the batch, so that a beam
        search can reorder it. Pass a mask of padding with the tokens it is of.

        Args:
            batch_size: Integer in `[0, inf)`, or within a graph that does not know it
                a scalar integer tensor.
            max_length: The same. Greatest number of tokens.

        Raises:
            ValueError: If an argument is outside its interval, or if the block is not
                causal or not built.
        """
        for name, size in (("batch_size", batch_size), ("max_length", max_length)):
            # One that a graph leaves open is no number.
            if isinstance(size, numbers.Number):
                check_integer(name, size, "[0, inf)")
        self._check_causal()
        features = self.input_spec.axes[-1]
        size = features // self.num_heads
        heads = (batch_size, self.num_heads, max_length, size)
        return {
            "key": ops.zeros(heads, self.compute_dtype),
            "value": ops.zeros(heads, self.compute_dtype),
            "mask": ops.zeros((batch_size, max_length), "bool"),
        }

    def call(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cache: Tensor | None = None,
        index: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        drop = self._dropper(training)
        outputs, cache = self._attend_to_itself(
            inputs, mask, attention_mask, cache, index, drop
        )
        outputs = self._feed_forward(outputs, drop)
        return outputs if cache is None else (outputs, cache)

    def compute_output_shape(self, inputs_shape: Shape) -> Shape:
        return inputs_shape

    def compute_output_spec(
        self, inputs: Tensor, *_: Any, cache: Tensor | None = None, **__: Any
    ) -> Any:
        outputs = keras.KerasTensor(inputs.shape, self.compute_dtype)
        if cache is None:
            return outputs
        return outputs, keras.tree.map_structure(
            lambda part: keras.KerasTensor(part.shape, part.dtype), cache
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "intermediate_dim": self.intermediate_dim,
            "dropout": keras.saving.serialize_keras_object(self.dropout),
            "activation": keras.activations.serialize(self.activation),
            "norm_first": self.norm_first,
            "epsilon": self.epsilon,
            "causal": self.causal,
            "kernel_initializer": keras.saving.serialize_keras_object(
                self.kernel_initializer
            ),
            "bias_initializer": keras.saving.serialize_keras_object(
                self.bias_initializer
            ),
            "use_bias": self.use_bias,
            "seed": self.seed,
        }

    def _attention_and_norm(self, name, inputs_shape, context_shape):
        attention = Attention(
            self.num_heads,
            self.kernel_initializer,
            self.bias_initializer,
            self.use_bias,
            name=name,
            dtype=self.dtype_policy,
        )
        attention.build(inputs_shape, context_shape)
        return attention, self._norm(f"{name}_norm", inputs_shape)

    def _norm(self, name, shape):
        norm = keras.layers.LayerNormalization(
            epsilon=self.epsilon,
            center=self.use_bias,
            name=name,
            dtype=self.dtype_policy,
        )
        norm.build(shape)
        return norm

    def _check_causal(self):
        if not (self.causal and self.built):
            raise ValueError(
                f"The layer {self.name!r} must have causal=True, and have been called "
                f"or built, to have a cache. Received: causal={self.causal}, "
                f"built={self.built}"
            )

    def _dropper(self, training):
        """Function that drops entries of a tensor, at one rate for the whole call."""
        rate = now(self.dropout, training)
        if not training or self.dropout == 0:
            return lambda x: x
        return lambda x: drop(x, rate, self.seed_generator)

    def _attend_to_itself(self, inputs, mask, attention_mask, cache, index, drop):
        """The first part, and the cache with the inputs, or `None`."""
        if (cache is None) != (index is None):
            raise ValueError(
                f"The layer {self.name!r} takes `cache` and `index` together."
            )
        if cache is not None:
            self._check_causal()
            index = as_position(index)
        x = self._before(self.attention_norm, inputs)
        # Without a mask, it takes that which Keras has for the inputs.
        memory = self.attention(x, mask=mask)
        if cache is not None:
            memory = cache = self._written(cache, memory, index)
        start = (0 if index is None else index) if self.causal else None
        x = self.attention.attend(x, memory, drop, start, attention_mask)
        return self._after(self.attention_norm, inputs, x, drop), cache

    def _written(self, cache, memory, index):
        """The cache with what is to be remembered of the inputs."""
        key, value, mask = memory["key"], memory["value"], memory["mask"]
        batch, _, length, _ = ops.shape(key)
        places = ops.shape(cache["key"])[2]
        fits = is_within(places, index, length, self, "cache")
        if mask is None:
            mask = ops.ones((batch, length), "bool")
        # NaN spreads to all that is computed with the cache.
        parts = {"key": key, "value": ops.where(fits, value, float("nan"))}
        written = {
            name: ops.slice_update(cache[name], (0, 0, index, 0), part)
            for name, part in parts.items()
        }
        mask = ops.slice_update(cache["mask"], (0, index), ops.cast(mask, "bool"))
        return {**cache, **written, "mask": mask}

    def _feed_forward(self, inputs, drop):
        x = self._before(self.feed_forward_norm, inputs)
        x = self.projection(drop(self.activation(self.intermediate(x))))
        return self._after(self.feed_forward_norm, inputs, x, drop)

    def _before(self, norm, inputs):
        return norm(inputs) if self.norm_first else inputs

    def _after(self, norm, inputs, outputs, drop):
        outputs = inputs + drop(outputs)
        return outputs if self.norm_first else norm(outputs)
