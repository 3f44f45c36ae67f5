"""Attention by several heads."""

import functools

import keras
from keras import ops

from kdl.layers.sublayers import copy_of, freeze_parts

# Score of what must not be seen: far below any other, and finite, as a row of nothing
# but minus infinity would become NaN.
_UNSEEN = -1e30


class Attention(keras.layers.Layer):
    """Attention of a sequence to another, or to itself, in two steps.

    A call makes keys and values of what is attended to, which can be kept; `attend`
    makes queries and looks these up. Keras's `MultiHeadAttention` does both at once,
    and its rate of dropout is fixed when it is compiled.

    Args:
        num_heads: Integer that divides the features of the queries.
        kernel_initializer: Initializer of each of the four kernels.
        bias_initializer: Initializer of the biases.
        use_bias: Boolean. Whether queries, values and outputs have biases.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, keys, …)`.
        mask: Optional boolean tensor of shape `(batch, keys)`: what may be seen.

    Returns:
        Dict of `"key"` and `"value"`, of shape `(batch, num_heads, keys, size)`, and of
        the `"mask"`.
    """

    def __init__(
        self, num_heads, kernel_initializer, bias_initializer, use_bias=True, **kwargs
    ):
        super().__init__(**kwargs)
        self.num_heads, self.use_bias = num_heads, use_bias
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.supports_masking = True

    def build(self, query_shape, inputs_shape):
        size = query_shape[-1]
        self.query = dense(self, size, "query", query_shape)
        # A bias would add the same to all scores of a query, and change no weight.
        self.key = dense(self, size, "key", inputs_shape, use_bias=False)
        self.value = dense(self, size, "value", inputs_shape)
        self.projection = dense(self, size, "projection", query_shape)
        freeze_parts(self)

    def call(self, inputs, mask=None):
        # On PyTorch, Keras's Dense without a bias knows no float64.
        key, value = (
            self._heads(ops.cast(part(inputs), self.compute_dtype))
            for part in (self.key, self.value)
        )
        return {"key": key, "value": value, "mask": mask}

    def compute_mask(self, inputs, mask=None):
        return None

    def attend(self, inputs, memory, drop, start=None, attention_mask=None):
        """Looks up what the inputs ask for, by the weights of `weigh`.

        Args:
            inputs: Float tensor of shape `(batch, length, features)`.
            memory: What a call returned.
            drop: Function that drops weights of the attention.
            start: Optional integer or scalar tensor. Place of the first input among the
                keys, where an input may not see later ones than itself.
            attention_mask: Optional boolean tensor of shape `(batch, length, keys)` or
                `(batch, num_heads, length, keys)`. Which keys each input may see.

        Returns:
            Tensor of the shape of the inputs. Where there is nothing to be seen, the
            values are taken to be zero.
        """
        weights = drop(self.weigh(inputs, memory, start, attention_mask))
        outputs = ops.swapaxes(ops.matmul(weights, memory["value"]), 1, 2)
        return self.projection(ops.reshape(outputs, ops.shape(inputs)))

    def weigh(self, inputs, memory, start=None, attention_mask=None):
        """Returns how much of each key's value each input takes.

        Args:
            inputs: As of `attend`.
            memory: As of `attend`.
            start: As of `attend`.
            attention_mask: As of `attend`.

        Returns:
            Tensor of shape `(batch, num_heads, length, keys)`.
        """
        key = memory["key"]
        query = self._heads(self.query(inputs)) * key.shape[-1] ** -0.5
        scores = ops.matmul(query, ops.swapaxes(key, 2, 3))
        seen = self._seen(scores, memory["mask"], start, attention_mask)
        return attention_weights(scores, seen)

    def _seen(self, scores, mask, start, attention_mask):
        """Which keys each query may see, or `None` for all."""
        conditions = []
        if mask is not None:
            conditions.append(ops.cast(mask, "bool")[:, None, None, :])
        if start is not None:
            queries, keys = (
                ops.arange(n, dtype="int32") for n in ops.shape(scores)[2:]
            )
            conditions.append(keys <= queries[:, None] + start)
        if attention_mask is not None:
            conditions.append(self._checked(attention_mask, scores.shape))
        return functools.reduce(ops.logical_and, conditions) if conditions else None

    def _checked(self, attention_mask, shape):
        """A mask of queries and keys with an axis of heads."""
        mask = ops.cast(attention_mask, "bool")
        mask = mask[:, None] if len(mask.shape) == 3 else mask
        pairs = zip(mask.shape, shape, strict=False)
        fits = all(a is None or b is None or a in (b, 1) for a, b in pairs)
        if len(mask.shape) != 4 or not fits:
            batch, heads, length, keys = shape
            raise ValueError(
                "`attention_mask` must be a boolean tensor of shape (batch, length, "
                f"keys)={(batch, length, keys)}, or with num_heads={heads} after the "
                f"batch. Received: shape={tuple(attention_mask.shape)}"
            )
        return mask

    def _heads(self, inputs):
        *rest, size = ops.shape(inputs)
        shape = (*rest, self.num_heads, size // self.num_heads)
        # Heads before keys: what is kept is multiplied as it lies.
        return ops.swapaxes(ops.reshape(inputs, shape), 1, 2)


def attention_weights(scores, seen=None):
    """Returns the softmax of scores, over what may be seen of their last axis.

    Args:
        scores: Float tensor.
        seen: Optional boolean tensor that broadcasts to the scores. Where nothing is to
            be seen, all weights are 0. Defaults to `None`, all.

    Returns:
        Tensor of the shape and dtype of the scores.
    """
    dtype = scores.dtype
    # In float32: half precision would lose small weights, and their sum.
    scores = ops.cast(scores, keras.backend.result_type(dtype, "float32"))
    if seen is not None:
        scores = ops.where(seen, scores, _UNSEEN)
    if scores.shape[-1] == 1:
        # 1, by way of the scores, for each weight to have a gradient. Keras would warn.
        weights = ops.exp(scores - scores)
    else:
        weights = ops.softmax(scores, axis=-1)
    if seen is not None:
        weights = ops.where(seen, weights, 0)
    return ops.cast(weights, dtype)


def dense(layer, units, name, input_shape, use_bias=None):
    """Returns a `Dense` with the initializers of a layer that it is a part of.

    It has a bias if that layer says so, unless it is told itself.
    """
    use_bias = layer.use_bias if use_bias is None else use_bias
    initializers = {
        key: copy_of(getattr(layer, key))
        for key in ("kernel_initializer", "bias_initializer")
    }
    part = keras.layers.Dense(
        units, use_bias=use_bias, name=name, dtype=layer.dtype_policy, **initializers
    )
    part.build(input_shape)
    return part
