"""Expected calibration error."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_boolean, check_integer
from kdl.metrics.labels import count, read
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class ExpectedCalibrationError(keras.metrics.Metric):
    """How far a classifier is from being as often right as it is sure.

    The probability of the predicted class falls into one of so many bins of equal width
    in `[0, 1]`. With `n_b` of `n` examples in bin `b`, it is

        sum_b n_b / n |accuracy_b - confidence_b|

    over all batches since the last reset: sums of each bin are kept, and no prediction.
    Bins of as many examples each need all of them at once, as
    `kdl.evaluation.expected_calibration_error` does.

    It depends on the number of bins, and is above 0 for a calibrated classifier, too,
    by chance. Labels that are no class do not count. Without an example it is 0.

    Args:
        bins: Integer in `[1, inf)`. Number of bins. Defaults to `15`.
        from_logits: Boolean. Whether predictions are logits, rather than probabilities.
            Defaults to `False`.
        **kwargs: Arguments of `keras.metrics.Metric`: `name`, `dtype`.

    Call arguments:
        y_true: Integers of shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Probabilities or logits of shape `(batch, ..., classes)`, of two classes
            or more.
        sample_weight: Optional tensor of weights of the labels, of their shape or of
            their leading axes, such as `(batch,)`.

    Returns:
        Scalar tensor in `[0, 1]`.

    Raises:
        ValueError: If an argument is not as described, or `y_true` has another shape.

    Example:

    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> error = kdl.metrics.ExpectedCalibrationError(from_logits=True)
    >>> model.compile("adam", loss, metrics=[error])
    >>> logs = model.evaluate(x, y, verbose=0)

    References:
        - [Naeini, Cooper and Hauskrecht, 2015](https://doi.org/10.1609/aaai.v29i1.9602)
        - [Guo et al., 2017](https://arxiv.org/abs/1706.04599)
    """

    def __init__(
        self, bins: int = 15, from_logits: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**{"name": "expected_calibration_error", **kwargs})
        self.bins = check_integer("bins", bins, "[1, inf)")
        self.from_logits = check_boolean("from_logits", from_logits)
        shape = (self.bins,)
        self.gaps = self.add_variable(shape, "zeros", self.dtype, name="gaps")
        self.counts = self.add_variable(shape, "zeros", self.dtype, name="counts")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        y_pred = ops.convert_to_tensor(y_pred)
        classes = y_pred.shape[-1] if len(y_pred.shape) > 1 else 0
        if classes < 2:
            raise ValueError(
                "`y_pred` must have the scores of two classes or more on the last of "
                f"two or more axes. Received: shape={tuple(y_pred.shape)}"
            )
        true, predicted, weights = read(
            y_true, y_pred, sample_weight, classes, 0.5, self.dtype
        )
        shares = ops.cast(y_pred, "float32")
        if self.from_logits:
            shares = ops.softmax(shares, -1)
        # Not `ops.max`, which refuses an empty batch on PyTorch.
        sure = ops.reshape(ops.top_k(shares, 1)[0], (-1,))
        right = ops.cast(true == predicted, "float32")
        weights = ops.cast(weights, "float32")
        weights *= ops.cast(true < classes, "float32")
        # A number on an edge belongs below.
        bins = ops.cast(ops.ceil(sure * self.bins), "int32") - 1
        bins = ops.clip(bins, 0, self.bins - 1)
        gaps = count(bins, weights * (right - sure), self.bins, self.dtype)
        self.gaps.assign_add(gaps)
        self.counts.assign_add(count(bins, weights, self.bins, self.dtype))

    def result(self) -> Tensor:
        total = ops.sum(self.counts)
        return ops.sum(ops.abs(self.gaps)) / ops.where(total == 0, 1.0, total)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "bins": self.bins,
            "from_logits": self.from_logits,
        }
