"""Mean intersection over union of integer labels."""

from typing import Any

import keras
from keras import ops

from kdl.metrics.confusion_matrix import ConfusionMatrix
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class MeanIoU(ConfusionMatrix):
    """Mean intersection over union of integer labels, such as classes of pixels.

    Of a class that is true in `t` labels and predicted in `p`, rightly in `h`, it is

        h / (t + p - h)

    and the result is the mean over the classes that are true or predicted anywhere, of
    all batches since the last reset. A class that is nowhere is left out.

    `keras.metrics.MeanIoU` counts the pixels of a batch one by one on PyTorch, which
    takes many times as long as the training step; and it fails on a label that is no
    class. Here such labels, as those of a void region, are left out.

    Args:
        num_classes: Integer in `[2, inf)`. Number of classes.
        threshold: Float in `(-inf, inf)`. The score above which class 1 is predicted,
            where two classes have a single column of scores: 0.5 for probabilities,
            0 for logits. Defaults to `0.5`.
        **kwargs: Arguments of `keras.metrics.Metric`: `name`, `dtype`. Counts in
            float32, the default, are exact up to `2**24` in a pair of classes.

    Call arguments:
        y_true: Integers of shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Probabilities or logits of shape `(batch, ..., num_classes)`. The
            greatest counts. Or, of two classes, of shape `(batch, ..., 1)`.
            What Keras masks is left out, except in the training steps of `fit` on JAX,
            where Keras loses masks before any metric.
        sample_weight: Optional tensor of weights of the labels, of their shape or of
            their leading axes, such as `(batch,)`.

    Returns:
        Scalar tensor, 0 without any labels.

    Raises:
        ValueError: If an argument is outside its interval, or `y_pred` has another
            number of scores.

    Example:

    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("adam", loss, metrics=[kdl.metrics.MeanIoU(10)])
    >>> history = model.fit(x, y, validation_data=validation, verbose=0)

    References:
        - [scikit-learn](
          https://scikit-learn.org/stable/modules/generated/sklearn.metrics.jaccard_score.html),
          with `average="macro"` and the labels that occur
    """

    def __init__(self, num_classes: int, threshold: float = 0.5, **kwargs: Any) -> None:
        super().__init__(num_classes, threshold, **{"name": "mean_iou", **kwargs})

    def result(self) -> Tensor:
        counts = ops.convert_to_tensor(self.counts)
        hits = ops.diagonal(counts)
        either = ops.sum(counts, axis=0) + ops.sum(counts, axis=1) - hits
        there = ops.cast(either > 0, either.dtype)
        return ops.divide_no_nan(
            ops.sum(ops.divide_no_nan(hits, either)), ops.sum(there)
        )
