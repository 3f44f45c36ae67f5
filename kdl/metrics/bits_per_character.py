"""Bits that a character costs."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import DTypeLike

from kdl.metrics.bits_per_token import BitsPerToken
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class BitsPerCharacter(BitsPerToken):
    """Mean number of bits that a model needs for a character, whatever its tokens are.

        sum of -log2(probability of y_true) / sum of characters[y_true]

    Models of other tokens cannot be compared by the bits of a token, of which one that
    stands for a word costs more than one that stands for a letter. Where each token is
    a character, this is `kdl.metrics.BitsPerToken`.

    Args:
        characters: Sequence of numbers in `[0, inf)`. How many characters each token of
            the vocabulary stands for, such as 1 for the first byte of a character and 0
            for the others.
        name: String. Defaults to `"bits_per_character"`.
        dtype: Optional dtype of the result. Defaults to `None`, Keras's.
        from_logits: Boolean. Whether predictions are logits. Defaults to `True`.
        **kwargs: Other arguments of `keras.metrics.SparseCategoricalCrossentropy`.

    Call arguments:
        y_true: Integer tokens of shape `(batch, …)`.
        y_pred: Logits, or probabilities, of shape `(batch, …, vocabulary_size)`. A mask
            of Keras leaves tokens out.
        sample_weight: Optional weights of the tokens, and of their characters.

    Returns:
        Scalar, when `result()` is called.

    Raises:
        ValueError: If `characters` are no such numbers, or are all 0.

    Example:

    >>> metric = kdl.metrics.BitsPerCharacter([1, 3])
    >>> metric.update_state(np.array([0, 1]), np.array([[0.0, 0.0], [0.0, 0.0]]))
    >>> float(metric.result())
    0.5
    """

    def __init__(
        self,
        characters: Sequence[float] | np.ndarray,
        name: str = "bits_per_character",
        dtype: DTypeLike | None = None,
        from_logits: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, from_logits=from_logits, **kwargs)
        counts = np.asarray(characters)
        is_counts = counts.ndim == 1 and counts.dtype.kind in "iuf" and len(counts)
        if not is_counts or not (counts >= 0).all() or not 0 < counts.sum() < np.inf:
            raise ValueError(
                "`characters` must be numbers of 0 or more, one for each token and not "
                f"all of them 0. Received: {counts.dtype} {counts.shape}"
            )
        self.characters = counts.tolist()
        self._written = keras.metrics.MeanMetricWrapper(
            lambda y_true, y_pred: ops.take(
                ops.convert_to_tensor(self.characters, self.dtype), y_true
            ),
            name="characters",
            dtype=self.dtype,
        )

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        super().update_state(y_true, y_pred, sample_weight)
        y_true = ops.cast(y_true, "int32")
        # Keras hides masks in an attribute of the predictions.
        self._written.update_state(y_true, y_pred, sample_weight)

    def result(self) -> Tensor:
        return super().result() * ops.divide_no_nan(self.count, self._written.total)

    def reset_state(self) -> None:
        super().reset_state()
        self._written.reset_state()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "characters": self.characters}
