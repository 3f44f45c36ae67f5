"""Attention of a recurrent decoder to an encoder."""

import keras
from keras import ops

from kdl.layers.attention.multi_head_attention import attention_weights
from kdl.layers.sublayers import freeze_parts


class LuongAttention(keras.layers.Layer):
    """Adds what a decoder looks up in a memory to its outputs.

        scores = query @ (memory @ key).T
        outputs = tanh(concatenate([softmax(scores) @ memory, query]) @ kernel + bias)

    It is the general score and the attentional vector of the paper, without the
    feeding of that vector into the next step: so the steps of teacher forcing need not
    wait for each other. Where a memory has nothing to be seen, nothing is added.

    Args:
        units: Integer. Size of the outputs.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        query: Float tensor `(batch, steps, features)`.
        memory: What `prepare` returned.

    Returns:
        Float tensor `(batch, steps, units)`.

    References:
        - [Luong et al., 2015](https://arxiv.org/abs/1508.04025), sections 3.1 and 3.3
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    def build(self, query_shape, memory_shape):
        features = query_shape[-1]
        dtype = self.dtype_policy
        self.key = keras.layers.Dense(features, use_bias=False, dtype=dtype, name="key")
        self.key.build(memory_shape)
        self.combined = keras.layers.Dense(
            self.units, activation="tanh", dtype=dtype, name="combined"
        )
        self.combined.build((*query_shape[:-1], features + memory_shape[-1]))
        freeze_parts(self)
        self.built = True

    def prepare(self, memory, mask=None):
        """Returns what there is to be looked up, a dict of tensors.

        Args:
            memory: Float tensor `(batch, memory_length, features)`.
            mask: Optional boolean tensor `(batch, memory_length)`: what may be seen.
        """
        if mask is None:
            mask = ops.ones(ops.shape(memory)[:2], "bool")
        memory = ops.cast(memory, self.compute_dtype)
        return {"key": self.key(memory), "value": memory, "mask": mask}

    def call(self, query, memory):
        scores = ops.matmul(query, ops.swapaxes(memory["key"], 1, 2))
        weights = attention_weights(scores, memory["mask"][:, None])
        found = ops.matmul(weights, memory["value"])
        return self.combined(ops.concatenate([found, query], axis=-1))
