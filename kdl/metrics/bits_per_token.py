"""Bits that a token costs."""

import math
from typing import Any

import keras
from numpy.typing import DTypeLike

from kdl.checks import check_boolean, check_dtype, check_name
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class BitsPerToken(keras.metrics.SparseCategoricalCrossentropy):
    """Mean number of bits that a model needs for a token.

        mean of -log2(probability of y_true)

    It is Keras's cross-entropy, which is in nats, divided by `log(2)`; of tokens that
    are characters, the bits per character by which language models are compared. A
    model that knows nothing of `n` tokens needs `log2(n)`.

    Args:
        name: String. Defaults to `"bits_per_token"`.
        dtype: Optional dtype of the result. Defaults to `None`, Keras's.
        from_logits: Boolean. Whether predictions are logits. Defaults to `True`.
        **kwargs: Other arguments of `keras.metrics.SparseCategoricalCrossentropy`.

    Call arguments:
        y_true: Integer tokens of shape `(batch, …)`.
        y_pred: Logits, or probabilities, of shape `(batch, …, vocabulary_size)`. A mask
            of Keras leaves tokens out.
        sample_weight: Optional weights of the tokens.

    Returns:
        Scalar, when `result()` is called.

    Example:

    >>> metric = kdl.metrics.BitsPerToken()
    >>> metric.update_state(np.array([1]), np.array([[0.0, 0.0]]))
    >>> float(metric.result())
    1.0
    """

    def __init__(
        self,
        name: str = "bits_per_token",
        dtype: DTypeLike | None = None,
        from_logits: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name=check_name("name", name),
            dtype=check_dtype("dtype", dtype),
            from_logits=check_boolean("from_logits", from_logits),
            **kwargs,
        )

    def result(self) -> Tensor:
        return super().result() / math.log(2)
