"""Learned positional embedding."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_part
from kdl.layers.embedding.positions import as_position, is_within
from kdl.typing import ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class LearnedPositionalEmbedding(keras.layers.Layer):
    """Adds a learned vector for each position to a sequence.

        outputs[b, p] = inputs[b, p] + embeddings[start_index + p]

    Attention alone does not see the order of its inputs. Keras's `Embedding` looks up
    tokens; for positions, a model had to make their numbers first. Beside
    `kdl.layers.SinusoidalPositionalEncoding`, the vectors fit the data, but there are
    none for positions that training has not seen.

    Args:
        length: Integer in `[1, inf)`. Number of positions in the table, which is the
            greatest length of a sequence.
        embeddings_initializer: Name or `keras.initializers.Initializer`. Defaults to
            `"uniform"`, that of `keras.layers.Embedding`, so that tokens and positions
            count alike.
        embeddings_regularizer: Optional `keras.regularizers.Regularizer`. Defaults to
            `None`.
        embeddings_constraint: Optional `keras.constraints.Constraint`. Defaults to
            `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, length, d)`. The length may be `None`.
        start_index: Integer or scalar integer tensor. Position of the first token, when
            a sequence is decoded piece by piece. Defaults to `0`.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype.

    Raises:
        ValueError: If `length` is outside its interval, or if a token is outside the
            table. Within a graph that does not know the length or `start_index`, all
            outputs of such a sequence are NaN instead.

    Example:

    >>> tokens = keras.Input((None,))
    >>> outputs = keras.layers.Embedding(100, 8, mask_zero=True)(tokens)
    >>> outputs = kdl.layers.LearnedPositionalEmbedding(20)(outputs)

    References:
        - [Gehring et al., 2017](https://arxiv.org/abs/1705.03122)
        - [Devlin et al., 2019](https://arxiv.org/abs/1810.04805)
    """

    def __init__(
        self,
        length: int,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike | None = None,
        embeddings_constraint: ConstraintLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.length = check_integer("length", length, "[1, inf)")
        self.embeddings_initializer = check_part(
            "embeddings_initializer", embeddings_initializer, "initializer"
        )
        self.embeddings_regularizer = check_part(
            "embeddings_regularizer", embeddings_regularizer, "regularizer"
        )
        self.embeddings_constraint = check_part(
            "embeddings_constraint", embeddings_constraint, "constraint"
        )
        self.supports_masking = True
        self.input_spec = keras.InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.length, input_shape[-1]),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
        self.input_spec = keras.InputSpec(ndim=3, axes={-1: input_shape[-1]})

    def call(self, inputs: Tensor, start_index: Tensor = 0) -> Tensor:
        length, start = ops.shape(inputs)[1], as_position(start_index)
        fits = is_within(self.length, start, length, self, "table")
        positions = ops.arange(length, dtype="int32") + start
        rows = ops.take(self.embeddings, ops.clip(positions, 0, self.length - 1), 0)
        rows = ops.cast(rows, self.compute_dtype)
        return inputs + ops.where(fits, rows, float("nan"))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        if input_shape[1] is not None:
            is_within(self.length, 0, input_shape[1], self, "table")
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"length": self.length}
        for kind in ("initializer", "regularizer", "constraint"):
            part = getattr(self, name := f"embeddings_{kind}")
            own[name] = part and keras.saving.serialize_keras_object(part)
        return {**super().get_config(), **own}
