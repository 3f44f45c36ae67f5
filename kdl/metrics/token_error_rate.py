"""Share of tokens that are wrong."""

from typing import Any

import keras
from numpy.typing import DTypeLike

from kdl.checks import check_dtype, check_integer, check_name, check_optional
from kdl.metrics.labels import mistakes
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class TokenErrorRate(keras.metrics.Mean):
    """Share of tokens that are not predicted.

        mean over tokens of argmax(y_pred[t]) != y_true[t]

    It is one less Keras's accuracy, which counts padding where there is no mask. Of
    tokens that are characters, it is the character error rate of sequences whose steps
    correspond; insertions and deletions are not looked for.

    Args:
        ignore_class: Optional integer. Token that does not count, such as padding. A
            mask does as much, but on JAX, Keras gives metrics none in training.
            Defaults to `None`.
        name: String. Defaults to `"token_error_rate"`.
        dtype: Optional dtype of the result. Defaults to `None`, Keras's.

    Call arguments:
        y_true: Integer tokens of shape `(batch, length)`.
        y_pred: Scores or logits of shape `(batch, length, vocabulary_size)`. Steps that
            a mask of Keras leaves out do not count.
        sample_weight: Optional weights of sequences, of shape `(batch,)`, or of tokens,
            of shape `(batch, length)`.

    Returns:
        Scalar, when `result()` is called.

    Raises:
        ValueError: If `y_true` is not of the shape of `y_pred` without its last axis.

    Example:

    >>> metric = kdl.metrics.TokenErrorRate()
    >>> metric.update_state([[0, 0]], np.array([[[0.9, 0.1], [0.2, 0.8]]]))
    >>> float(metric.result())
    0.5
    """

    def __init__(
        self,
        ignore_class: int | None = None,
        name: str = "token_error_rate",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(check_name("name", name), check_dtype("dtype", dtype))
        self.ignore_class = check_optional(
            check_integer, "ignore_class", ignore_class, "(-inf, inf)"
        )

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        return super().update_state(
            *mistakes(y_true, y_pred, sample_weight, self.ignore_class, self.dtype)
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ignore_class": self.ignore_class}
