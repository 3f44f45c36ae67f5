"""The Tversky loss of integer masks, of which Dice is one."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_boolean, check_number, check_targets
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class SparseTversky(keras.losses.Loss):
    """Tversky loss of integer labels, such as the classes of the pixels of an image.

    Of an example, with the probability `p` of a class at a pixel, and `g` 1 where the
    pixel is of the class and else 0, it is the mean over the classes of

        1 - (TP + smooth) / (TP + alpha * FP + beta * FN + smooth)
        TP = sum(p * g), FP = sum(p * (1 - g)), FN = sum((1 - p) * g)

    At `alpha = beta = 0.5` it is the Dice loss. A class of few pixels counts as much
    as one of many, which cross-entropy passes over. With `beta` above `alpha`, what is
    missed costs more than what is found where it is not.

    Keras's `Tversky` and `Dice` take one-hot masks, and one sum over all classes.

    Args:
        from_logits: Boolean. Whether predictions are logits, rather than
            probabilities. Defaults to `False`.
        alpha: Float in `[0, inf)`, or a schedule of it. Weight of false positives.
            Defaults to `0.5`.
        beta: Float in `[0, inf)`, or a schedule of it. Weight of false negatives.
            Defaults to `0.5`.
        smooth: Float in `(0, inf)`. Pixels that are added to both sides of the
            fraction, so that a class that is nowhere costs nothing. Defaults to `1.0`.
        **kwargs: Arguments of `keras.losses.Loss`: `name`, `reduction`, `dtype`.

    Call arguments:
        y_true: Integers of shape `(batch, ...)`, or with a last axis of size 1.
        y_pred: Float tensor of shape `(batch, ..., classes)`.
        sample_weight: Optional tensor of weights, one for each example.

    Returns:
        Scalar tensor, or one number for each example with `reduction=None`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> loss = kdl.losses.SparseTversky(from_logits=True, alpha=0.3, beta=0.7)
    >>> masks = np.array([[[0, 1], [1, 1]]])
    >>> value = loss(masks, np.zeros((1, 2, 2, 3), "float32"))

    References:
        - [Salehi et al., 2017](https://arxiv.org/abs/1706.05721)
        - [Milletari et al., 2016](https://arxiv.org/abs/1606.04797), Dice
    """

    def __init__(
        self,
        from_logits: bool = False,
        alpha: FloatOrSchedule = 0.5,
        beta: FloatOrSchedule = 0.5,
        smooth: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "sparse_tversky", **kwargs})
        self.from_logits = check_boolean("from_logits", from_logits)
        self.alpha = number("alpha", alpha, "[0, inf)")
        self.beta = number("beta", beta, "[0, inf)")
        self.smooth = check_number("smooth", smooth, "(0, inf)")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true = check_targets(y_true, y_pred.shape[:-1], "integer labels")
        classes = y_pred.shape[-1]
        p = ops.softmax(y_pred) if self.from_logits else y_pred
        g = ops.one_hot(ops.cast(y_true, "int32"), classes, dtype=p.dtype)
        axes = tuple(range(1, len(p.shape) - 1))
        found, true, hits = (
            ops.sum(part, axis=axes) if axes else part for part in (p, g, p * g)
        )
        alpha, beta = (now(x, dtype=p.dtype) for x in (self.alpha, self.beta))
        missed = alpha * (found - hits) + beta * (true - hits)
        index = (hits + self.smooth) / (hits + missed + self.smooth)
        return ops.mean(1 - index, axis=-1)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "alpha": serialize(self.alpha),
            "beta": serialize(self.beta),
            "smooth": self.smooth,
        }
