"""Share of sequences without a mistake."""

from typing import Any

import keras
from keras import ops
from numpy.typing import DTypeLike

from kdl.checks import check_dtype, check_integer, check_name, check_optional
from kdl.metrics.labels import mistakes
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class ExactMatch(keras.metrics.Mean):
    """Share of sequences all of whose tokens are predicted.

        mean over sequences of all(argmax(y_pred[t]) == y_true[t] for each step t)

    Keras's accuracy counts tokens: with one mistake each, sequences of ten tokens have
    an accuracy of 0.9, and none of them is right.

    Args:
        ignore_class: Optional integer. Token whose steps do not count, such as that of
            padding. A mask does as much, but on JAX, Keras gives metrics none in
            training. Defaults to `None`.
        name: String. Defaults to `"exact_match"`.
        dtype: Optional dtype of the result. Defaults to `None`, Keras's.

    Call arguments:
        y_true: Integer tokens of shape `(batch, length)`.
        y_pred: Scores or logits of shape `(batch, length, vocabulary_size)`. Steps that
            a mask of Keras leaves out do not count.
        sample_weight: Optional weights of sequences, of shape `(batch,)`, or of tokens,
            of shape `(batch, length)`: a token of weight 0 does not count, and a
            sequence has the greatest weight of its tokens.

    Returns:
        Scalar, when `result()` is called.

    Raises:
        ValueError: If `y_true` is not of the shape of `y_pred` without its last axis.

    Example:

    >>> metric = kdl.metrics.ExactMatch()
    >>> metric.update_state([[0, 1]], np.array([[[0.9, 0.1], [0.2, 0.8]]]))
    >>> float(metric.result())
    1.0
    """

    def __init__(
        self,
        ignore_class: int | None = None,
        name: str = "exact_match",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(check_name("name", name), check_dtype("dtype", dtype))
        self.ignore_class = check_optional(
            check_integer, "ignore_class", ignore_class, "(-inf, inf)"
        )

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        wrong, weights = mistakes(
            y_true, y_pred, sample_weight, self.ignore_class, self.dtype
        )
        right = ops.logical_not(ops.any(ops.logical_and(wrong, weights > 0), axis=-1))
        if right.shape[0] == 0:
            return  # Of nothing, PyTorch and TensorFlow take no maximum.
        super().update_state(right, ops.max(weights, axis=-1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ignore_class": self.ignore_class}
