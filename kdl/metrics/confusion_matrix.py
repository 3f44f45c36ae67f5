"""Confusion matrix."""

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from kdl.checks import check_choice, check_integer, check_number
from kdl.metrics.labels import count, read
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class ConfusionMatrix(keras.metrics.Metric):
    """Counts how often each class is taken for each other.

    Row `i`, column `j` of `matrix()` is

        sum(sample_weight[(y_true == i) & (argmax(y_pred) == j)])

    over all batches since the last reset. Batches are counted in the compiled step, and
    no prediction is kept.

    Keras has no metric with more than a number as its result: `fit` shows the mean of
    an array in the progress bar, and `keras.metrics.MeanIoU` keeps its matrix to
    itself. So `result` has one number, the count of labels that are no class, such as
    those of a void region: `{name}_out_of_range`, in the logs of each epoch. They are
    not in the matrix.

    After `evaluate` the matrix is of the data evaluated; after `fit` of the last epoch,
    with validation data of these. In a callback, JAX has it up to date once
    `self.model` has been read.

    Args:
        num_classes: Integer in `[2, inf)`. Number of classes.
        threshold: Float in `(-inf, inf)`. The score above which class 1 is predicted,
            where two classes have a single column of scores: 0.5 for probabilities,
            0 for logits. Defaults to `0.5`.
        **kwargs: Arguments of `keras.metrics.Metric`: `name`, `dtype`. Counts in
            float32, the default, are exact up to `2**24` in a cell.

    Call arguments:
        y_true: Integers of shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Probabilities or logits of shape `(batch, ..., num_classes)`. The
            greatest counts. Or, of two classes, of shape `(batch, ..., 1)`.
            What Keras masks is left out, except in the training steps of `fit` on JAX,
            where Keras loses masks before any metric.
        sample_weight: Optional tensor of weights of the labels, of their shape or of
            their leading axes, such as `(batch,)`. The count of labels that are no
            class is weighted as well.

    Returns:
        Dict of a scalar tensor.

    Raises:
        ValueError: If an argument is outside its interval, or `y_pred` has another
            number of scores.

    Example:

    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> confusion = kdl.metrics.ConfusionMatrix(10)
    >>> model.compile("adam", loss, metrics=[confusion])
    >>> logs = model.evaluate(x, y, verbose=0)
    >>> recall = confusion.matrix(normalize="true").diagonal()

    References:
        - [scikit-learn](
          https://scikit-learn.org/stable/modules/generated/sklearn.metrics.confusion_matrix.html)
    """

    def __init__(self, num_classes: int, threshold: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**{"name": "confusion_matrix", **kwargs})
        self.num_classes = check_integer("num_classes", num_classes, "[2, inf)")
        self.threshold = check_number("threshold", threshold, "(-inf, inf)")
        shape = (self.num_classes, self.num_classes)
        self.counts = self.add_variable(shape, "zeros", self.dtype, name="counts")
        self.out_of_range = self.add_variable(
            (), "zeros", self.dtype, name="out_of_range"
        )

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        n = self.num_classes
        true, predicted, weights = read(
            y_true, y_pred, sample_weight, n, self.threshold, self.dtype
        )
        # What is no class has one more cell, behind the matrix.
        cells = ops.minimum(true * n + predicted, n * n)
        counts = count(cells, weights, n * n + 1, self.dtype)
        self.counts.assign_add(ops.reshape(counts[:-1], (n, n)))
        self.out_of_range.assign_add(counts[-1])

    def result(self) -> Tensor:
        # Plus zero, since the variable itself would go on changing.
        return {f"{self.name}_out_of_range": self.out_of_range + 0}

    def matrix(
        self, normalize: Literal["true", "pred", "all"] | None = None
    ) -> np.ndarray:
        """Returns the matrix, rows of true and columns of predicted classes.

        Args:
            normalize: `None` for counts, or what is to sum to one: `"true"`, each row,
                `"pred"`, each column, or `"all"`. One without examples is zeros.
                Defaults to `None`.

        Returns:
            NumPy array of shape `(num_classes, num_classes)`.

        Raises:
            ValueError: If `normalize` is anything else.
        """
        check_choice("normalize", normalize, (None, "true", "pred", "all"))
        counts = ops.convert_to_numpy(self.counts)
        if normalize is None:
            return counts
        axis = {"true": 1, "pred": 0, "all": None}[normalize]
        sums = counts.sum(axis=axis, keepdims=True)
        return counts / np.where(sums == 0, 1, sums)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "threshold": self.threshold,
        }
