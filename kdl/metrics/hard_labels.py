"""A metric of labels, where targets are shares."""

from typing import Any

import keras
from keras import ops

from kdl.checks import are_shares
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class HardLabels(keras.metrics.Metric):
    """Passes labels on to a metric where targets are shares of the classes.

    MixUp, CutMix and label smoothing make targets of shares, and Keras's metrics of
    labels take none. This one passes on the class with the largest share, and labels as
    they are, so that one compiled model can learn from shares and be tested on labels.

    Args:
        metric: `keras.metrics.Metric` of integer labels, such as
            `keras.metrics.SparseCategoricalAccuracy()`. Its name is kept.

    Call arguments:
        y_true: Integer labels, as `metric` takes them, or float tensor of the shape of
            `y_pred`: shares of the classes, on the last axis.
        y_pred: What `metric` takes as predictions, with the classes on the last axis.
        sample_weight: Optional weights, as `metric` takes them.

    Returns:
        What `metric` returns, when `result()` is called.

    Raises:
        ValueError: If `metric` is not a metric.

    Example:

    >>> accuracy = keras.metrics.SparseCategoricalAccuracy()
    >>> metric = kdl.metrics.HardLabels(accuracy)
    >>> metric.update_state([[0.3, 0.7]], np.array([[0.1, 0.9]]))
    >>> float(metric.result())
    1.0
    """

    def __init__(self, metric: keras.metrics.Metric) -> None:
        if isinstance(metric, dict):
            metric = keras.saving.deserialize_keras_object(metric)
        if not isinstance(metric, keras.metrics.Metric):
            raise ValueError(
                f"`metric` must be a keras.metrics.Metric. Received: {metric=}"
            )
        super().__init__(name=metric.name, dtype=metric.dtype)
        self.metric = metric

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        if are_shares(y_true, y_pred):
            y_true = ops.argmax(y_true, -1)
        self.metric.update_state(y_true, y_pred, sample_weight)

    def result(self) -> Tensor:
        return self.metric.result()

    def reset_state(self) -> None:
        self.metric.reset_state()

    def get_config(self) -> dict[str, Any]:
        return {"metric": keras.saving.serialize_keras_object(self.metric)}
