"""What decoders of tokens have in common."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from kdl.checks import check_boolean, check_integer, check_seed
from kdl.layers.known_values import Int32Inputs, is_concrete
from kdl.models.sequences.feeding import Fed, Feeding
from kdl.models.sequences.shift_right import ShiftRight
from kdl.models.sequences.writing.generation import Generated, Generators, generate
from kdl.models.sequences.writing.token_choice import choose_tokens
from kdl.models.sequences.writing.ways import BeamSearch, Sampling
from kdl.schedules import now
from kdl.typing import InitializerLike, Shape, Tensor

_NEVER = -1e4
_LEAST = 1e-30


class TokenDecoder(Int32Inputs, Fed, keras.layers.Layer):
    """Predicts each token of a sequence from those before it.

    It is fed the true tokens, its own, or in training either, by a coin for each token
    and example. Here are the embedding before and the predictions after, the coins,
    and all that users meet. A subclass says how features come of what is fed:

    - `forced(fed, mask, context, training)` of tokens that are given;
    - `mixed(true, coins, before, mask, context, training)` of true ones where a coin
      says so and otherwise of its own; with `None` for coins, always of its own;
    - `free(true, before, mask, context)` of its own alone, one after the other;
    - `begin(batch, length, context)`, a state, and `advance(state, token, step)`, the
      logits after one more token and the next state, by which to write.

    The context is a dict of what else they depend on, such as a memory.

    Args:
        vocabulary_size: Integer in `[1, inf)`.
        embedding_dim: Integer in `[1, inf)`.
        feeding: Optional `kdl.models.Feeding`.
        mask_zero: Boolean.
        seed: Optional integer.
        **kwargs: Arguments of `keras.layers.Layer`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int,
        feeding: Feeding | None = None,
        mask_zero: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = check_integer(
            "vocabulary_size", vocabulary_size, "[1, inf)"
        )
        self.embedding_dim = check_integer("embedding_dim", embedding_dim, "[1, inf)")
        self.be_fed(feeding)
        self.mask_zero = check_boolean("mask_zero", mask_zero)
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True
        self.input_spec = keras.InputSpec(ndim=2)
        self.generators = Generators()

    def build_ends(
        self, features: int, embeddings_initializer: InitializerLike = "uniform"
    ) -> None:
        """Makes the embedding, and the head on features of a size."""
        # One more than there are tokens: what stands before the first.
        self.embedding = keras.layers.Embedding(
            self.vocabulary_size + 1,
            self.embedding_dim,
            embeddings_initializer,
            dtype=self.dtype_policy,
            name="embedding",
        )
        self.embedding.build(None)
        self.head = keras.layers.Dense(
            self.vocabulary_size, dtype=self.dtype_policy, name="head"
        )
        self.head.build((None, features))
        if self.professor is not None and not self.professor.built:
            self.professor.build((None, None, features))

    @property
    def start(self) -> int:
        """Integer. What stands before the first token."""
        return self.vocabulary_size

    def predict_tokens(
        self, tokens: Tensor, context: dict[str, Any], training: bool
    ) -> Tensor:
        """Returns logits `(batch, length, vocabulary_size)` of tokens."""
        mask = self.compute_mask(tokens)
        # Before the cast, which would make tokens of the vocabulary of some others.
        valid = self._check(tokens, mask)
        if tokens.shape[1] == 0:
            shape = self.compute_output_shape(ops.shape(tokens))
            return ops.zeros(shape, self.compute_dtype)
        tokens = ops.cast(tokens, "int32")
        before = ShiftRight(mask)
        true = before(tokens, self.start)
        if not training and self.evaluation == "free_running":
            features = self.free(true, before, mask, context)
        elif training and self.epsilon != 1.0:
            coins = self._coins(tokens, training)
            features = self.mixed(true, coins, before, mask, context, training)
        else:
            features = self.forced(true, mask, context, training)
        if training and self.professor is not None:
            own = self.mixed(true, None, before, mask, context, training)
            self.professor(features, own, mask=mask, training=training)
        logits = self.logits(features)
        return logits if valid is None else ops.where(valid, logits, float("nan"))

    def check_memory(self, memory: Tensor, is_expected: bool) -> Tensor:
        """Returns a memory, or `None`, provided the decoder was built with one or not.

        Raises:
            ValueError: If it is there and was not, or the other way round.
        """
        if (memory is not None) != is_expected:
            was, now = ("with", "without") if is_expected else ("without", "with")
            raise ValueError(
                f"The decoder {self.name!r} was built {was} a memory, and is called "
                f"{now} one."
            )
        return memory

    def compute_output_shape(
        self, tokens_shape: Shape, *args: Any, **kwargs: Any
    ) -> Shape:
        return (*tokens_shape, self.vocabulary_size)

    def compute_mask(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        return ops.not_equal(tokens, 0) if self.mask_zero else None

    def logits(self, features: Tensor) -> Tensor:
        """Returns the logits of the tokens that follow features."""
        # Not the head itself: see `unroll`.
        logits = self.head.call(features)
        if self.mask_zero:
            # Padding is never predicted. Finite, since losses multiply by a mask.
            is_padding = ops.arange(self.vocabulary_size, dtype="int32") == 0
            logits = ops.where(is_padding, _NEVER, logits)
        return logits

    def choose(self, features: Tensor, noise: Tensor | None = None) -> Tensor:
        """Returns the tokens that follow features: drawn by noise, or the likeliest."""
        logits = self.logits(features)
        return choose_tokens(logits if noise is None else ops.add(logits, noise))

    def noise(self, tokens: Tensor, training: bool) -> Tensor:
        """Returns what to add to logits so that the greatest is a token drawn.

        Gumbel's numbers, times the temperature, of shape `(batch, length,
        vocabulary_size)`; `None` if tokens are not to be drawn. Made for all steps at
        once, they are cheaper than what `choose_tokens` draws at each one.
        """
        temperature = self.feeding.temperature
        if not training or not temperature:
            return None
        uniform = self._uniform((*ops.shape(tokens), self.vocabulary_size))
        # 0 is drawn now and then, of which there is no logarithm.
        return -temperature * ops.log(-ops.log(ops.maximum(uniform, _LEAST)))

    def generate(
        self,
        length: int,
        prompt: ArrayLike | None = None,
        count: int = 1,
        end_token: int | None = None,
        by: Sampling | BeamSearch | None = None,
        seed: int = 0,
        batch_size: int = 32,
        **context: Any,
    ) -> Generated:
        """Writes sequences, compiled, on every backend alike.

        Args:
            length: Integer in `[1, inf)`. Most tokens of a sequence, with its prompt.
            prompt: Optional integer array `(sequences, steps)` of tokens to begin with.
                A negative number, or with `mask_zero` padding, is left to write.
            count: Integer in `[1, inf)`. Number of sequences, where no array tells.
            end_token: Optional integer. Token that ends a sequence. Defaults to
                `None`: all have the full length.
            by: Optional `kdl.models.Sampling`, which draws tokens by chance, or
                `kdl.models.BeamSearch`. Defaults to `None`, the likeliest token at each
                step.
            seed: Integer in `[0, inf)`. Draws the tokens, the same on every backend.
            batch_size: Integer in `[1, inf)`. Sequences that are written at a time.
            **context: Arrays that the decoder is called with, by name, such as
                `memory`.

        Returns:
            `kdl.models.Generated`, of NumPy arrays.

        Raises:
            ValueError: If an argument is outside its interval or is none that the
                decoder takes, or if arrays differ in their number of sequences.
        """
        return generate(
            self,
            length,
            prompt,
            count,
            end_token,
            by,
            seed,
            batch_size,
            context,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "feeding": keras.saving.serialize_keras_object(self.feeding),
            "mask_zero": self.mask_zero,
            "seed": self.seed,
        }

    def _coins(self, tokens, training):
        """Where the true token is fed, drawn for each token; `None` for nowhere."""
        if self.epsilon == 0.0:
            return None
        uniform = self._uniform(ops.shape(tokens))
        return uniform < now(self.epsilon, training)

    def _uniform(self, shape):
        # In float32 whatever the dtype: bfloat16 knows 129 numbers from 1/2 to 1.
        return keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)

    def _check(self, tokens, mask):
        """Refuses what are no tokens; within a graph returns which examples are valid.

        With `None`, all are.
        """
        within = ops.logical_and(tokens >= 0, tokens < self.vocabulary_size)
        if not is_concrete(within):
            return ops.all(within, axis=1)[:, None, None]
        within = ops.convert_to_numpy(within)
        if not within.all():
            values = ops.convert_to_numpy(tokens)
            raise ValueError(
                f"The decoder {self.name!r} takes tokens from 0 to "
                f"{self.vocabulary_size - 1}. Received: {values[~within][0]}, in "
                f"example {np.argwhere(~within)[0, 0]} of the batch"
            )
        if mask is not None:
            is_empty = ~ops.convert_to_numpy(mask).any(axis=1)
            if is_empty.any():
                raise ValueError(
                    f"The decoder {self.name!r} has mask_zero=True, so that 0 is "
                    f"padding, and example {np.flatnonzero(is_empty)[0]} of the batch "
                    "is nothing else. Leave it out."
                )
        return None
