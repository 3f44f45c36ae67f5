"""A recurrent decoder with scheduled sampling."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.layers.sublayers import freeze_parts
from kdl.models.sequences.feedback import (
    as_cell,
    as_list,
    layer_of,
    masks_of_dropout,
    states_of,
    unroll,
)
from kdl.models.sequences.feeding import Feeding
from kdl.models.sequences.gradients import no_gradient
from kdl.models.sequences.luong_attention import LuongAttention
from kdl.models.sequences.token_decoder import TokenDecoder
from kdl.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class RecurrentDecoder(TokenDecoder):
    """Predicts each token of a sequence from those before it, or from its own.

        fed[t] = tokens[t - 1] if coin[t] else own[t - 1]
        hidden[t] = cell(embedding[fed[t]], hidden[t - 1])
        logits[t] = hidden[t] @ kernel + bias
        own[t] = argmax(logits[t]), or drawn by softmax(logits[t] / temperature)

    Its `feeding` says how often the coin shows the true token in training, which is
    scheduled sampling, and what is fed where it does not train.

    What the layer is given are the tokens that it is to predict: it moves them by one
    itself. Before the first comes a vector of its own, the last of the embedding, so
    that no token need be set aside for it. A step that is padding leaves the state as
    it is, wherever it stands.

    With a `memory`, such as the outputs of an encoder, what is looked up there by
    `hidden` is joined to it before the predictions (Luong et al.). With epsilon 1 it
    is Keras's `Embedding`, `GRU` or `LSTM`, and `Dense`, and may use cuDNN as they do.

    Args:
        cell: Recurrent cell of Keras, or a list of them for a stack, such as
            `keras.layers.GRUCell(128)`, `keras.layers.LSTMCell(128)` or
            `kdl.layers.PeepholeLSTMCell(128)`.
        vocabulary_size: Integer in `[1, inf)`. Number of tokens.
        embedding_dim: Integer in `[1, inf)`. Size of the vectors of tokens.
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
        initial_state: Optional state of the cell before the first step, a tensor or a
            list as the cell has it, such as that of an encoder. Defaults to `None`,
            zeros.
        memory_mask: Optional boolean tensor of shape `(batch, memory_length)`: what may
            be looked up. Defaults to `None`, the mask that Keras has for the memory, or
            all.
        training: Boolean. Whether to toss coins. Defaults to `False`.

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
    >>> decoder = kdl.models.RecurrentDecoder(
    ...     keras.layers.GRUCell(16), 10, 8, kdl.models.Feeding(epsilon=0.5)
    ... )
    >>> model = keras.Model(tokens, decoder(tokens))
    >>> tokens, lengths, scores = decoder.generate(5, end_token=3)

    References:
        - [Bengio et al., 2015](https://arxiv.org/abs/1506.03099)
        - [Luong et al., 2015](https://arxiv.org/abs/1508.04025), of the memory
    """

    def __init__(
        self,
        cell: keras.Layer | Sequence[keras.Layer],
        vocabulary_size: int,
        embedding_dim: int,
        feeding: Feeding | None = None,
        mask_zero: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            vocabulary_size, embedding_dim, feeding, mask_zero, seed, **kwargs
        )
        self.cell = as_cell(cell, self.dtype_policy)

    def build(self, tokens_shape: Shape, memory_shape: Shape | None = None) -> None:
        self._rnn = layer_of(self.cell, self.dtype_policy)
        self._rnn.build((None, None, self.embedding_dim))
        units = self.cell.output_size
        self.attention = None
        if memory_shape is not None:
            self.attention = LuongAttention(
                units, dtype=self.dtype_policy, name="attention"
            )
            self.attention.build((None, None, units), memory_shape)
        self.build_ends(units)
        freeze_parts(self)

    def call(
        self,
        tokens: Tensor,
        memory: Tensor | None = None,
        initial_state: Tensor | None = None,
        memory_mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        context = {
            "memory": memory,
            "initial_state": initial_state,
            "memory_mask": memory_mask,
        }
        return self.predict_tokens(tokens, context, training)

    def forced(
        self, fed: Tensor, mask: Tensor, context: dict[str, Any], training: bool
    ) -> Tensor:
        states = self._states(context, ops.shape(fed)[0])
        hidden = self._rnn(
            self.embedding(fed), initial_state=states, mask=mask, training=training
        )
        return self._attended(hidden, self._memory(context))

    def mixed(
        self,
        true: Tensor,
        coins: Tensor,
        before: Tensor,
        mask: Tensor,
        context: dict[str, Any],
        training: bool,
    ) -> Tensor:
        memory = self._memory(context)

        def predict(hidden, noise):
            with no_gradient():
                features = self._attended(hidden[:, None], memory)[:, 0]
                return self.choose(features, noise)

        states = self._states(context, ops.shape(true)[0])
        first = ops.zeros_like(true[:, 0]) + self.start
        with masks_of_dropout(self._rnn, self.embedding(first), states, training):
            hidden = unroll(
                self.cell,
                states,
                first,
                true,
                coins,
                embed=self.embedding.call,
                predict=predict,
                noise=self.noise(true, training),
                mask=mask,
                training=training,
            )
        return self._attended(hidden, memory)

    def free(
        self, true: Tensor, before: Tensor, mask: Tensor, context: dict[str, Any]
    ) -> Tensor:
        return self.mixed(true, None, before, mask, context, training=False)

    def begin(self, batch: Tensor, length: Tensor, context: dict[str, Any]) -> Any:
        state = {"states": self._states(context, batch)}
        if self.attention is not None:
            state["memory"] = self._memory(context)
        return state

    def advance(self, state: Tensor, token: Tensor, step: Tensor) -> tuple[Tensor, Any]:
        hidden, states = self.cell(self.embedding(token), state["states"])
        states = as_list(states)
        features = self._attended(hidden[:, None], state.get("memory"))[:, 0]
        return self.logits(features), {**state, "states": states}

    def get_config(self) -> dict[str, Any]:
        cell = keras.saving.serialize_keras_object(self.cell)
        return {**super().get_config(), "cell": cell}

    def _states(self, context, batch):
        return states_of(self.cell, context.get("initial_state"), batch)

    def _memory(self, context):
        memory = self.check_memory(
            context.get("memory"), is_expected=self.attention is not None
        )
        if memory is None:
            return None
        return self.attention.prepare(memory, context.get("memory_mask"))

    def _attended(self, hidden, memory):
        return hidden if memory is None else self.attention(hidden, memory)
