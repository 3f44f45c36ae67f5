"""F-beta score of integer labels."""

from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_integer, check_number
from kdl.metrics.labels import count, read
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class FBetaScore(keras.metrics.Metric):
    """F-beta score of integer labels: a mean of precision and recall.

    It is their harmonic mean, in which recall weighs `beta ** 2` times as much as
    precision. Of a class that is true in `t` examples and predicted in `p`, rightly in
    `h`, it is

        (1 + beta ** 2) * h / (beta ** 2 * t + p)

    and zero if there are none. The average over classes is one of

    - `"macro"`: their mean, in which a rare class counts like any other.
    - `"weighted"`: their mean, each weighted by its `t`.
    - `"micro"`: the score of the sums of `h`, `t` and `p`, which is the accuracy over
      labels that are classes.

    `keras.metrics.FBetaScore` takes one-hot labels only, and without an average has an
    array as its result, of which `fit` shows the mean. Here, each class is a number of
    the logs.

    Labels that are no class are left out; `kdl.metrics.ConfusionMatrix` counts them.

    Args:
        num_classes: Integer in `[2, inf)`. Number of classes.
        beta: Float in `(0, inf)`. Above 1, recall counts for more than precision.
            Defaults to `1.0`, the F1 score.
        average: String, `"macro"`, `"micro"` or `"weighted"`, or `None` for a score of
            each class. Defaults to `"macro"`.
        threshold: Float in `(-inf, inf)`. The score above which class 1 is predicted,
            where two classes have a single column of scores: 0.5 for probabilities,
            0 for logits. Defaults to `0.5`.
        **kwargs: Arguments of `keras.metrics.Metric`: `name`, `dtype`. Counts in
            float32, the default, are exact up to `2**24` in a class.

    Call arguments:
        y_true: Integers of shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Probabilities or logits of shape `(batch, ..., num_classes)`. The
            greatest counts. Or, of two classes, of shape `(batch, ..., 1)`.
            What Keras masks is left out, except in the training steps of `fit` on JAX,
            where Keras loses masks before any metric.
        sample_weight: Optional tensor of weights of the labels, of their shape or of
            their leading axes, such as `(batch,)`.

    Returns:
        Scalar tensor, or without an average a dict of them, `{name}_0` and so on.

    Raises:
        ValueError: If an argument is outside its interval or choices, or `y_pred` has
            another number of scores.

    Example:

    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile("adam", loss, metrics=[kdl.metrics.FBetaScore(10, 2.0)])
    >>> history = model.fit(x, y, validation_data=validation, verbose=0)

    References:
        - [scikit-learn](
          https://scikit-learn.org/stable/modules/generated/sklearn.metrics.fbeta_score.html),
          with `labels=range(num_classes)` and `zero_division=0`
    """

    def __init__(
        self,
        num_classes: int,
        beta: float = 1.0,
        average: Literal["macro", "micro", "weighted"] | None = "macro",
        threshold: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "fbeta_score", **kwargs})
        self.num_classes = check_integer("num_classes", num_classes, "[2, inf)")
        self.beta = check_number("beta", beta, "(0, inf)")
        averages = ("macro", "micro", "weighted", None)
        self.average = check_choice("average", average, averages)
        self.threshold = check_number("threshold", threshold, "(-inf, inf)")
        # Of hits, of true labels and of predicted ones, by class.
        shape = (3, self.num_classes)
        self.counts = self.add_variable(shape, "zeros", self.dtype, name="counts")

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        n = self.num_classes
        true, predicted, weights = read(
            y_true, y_pred, sample_weight, n, self.threshold, self.dtype
        )
        # All at once. What is no class, or no hit, comes last of each.
        hits = ops.where(true == predicted, true, n)
        labels = ops.concatenate([hits, true + n + 1, predicted + 2 * (n + 1)])
        counts = count(labels, ops.tile(weights, 3), 3 * (n + 1), self.dtype)
        self.counts.assign_add(ops.reshape(counts, (3, n + 1))[:, :-1])

    def result(self) -> Tensor:
        hits, true, predicted = ops.unstack(self.counts.value, 3)
        if self.average == "micro":
            return self._score(ops.sum(hits), ops.sum(true), ops.sum(predicted))
        scores = self._score(hits, true, predicted)
        if self.average == "macro":
            return ops.mean(scores)
        if self.average == "weighted":
            return ops.divide_no_nan(ops.sum(scores * true), ops.sum(true))
        return {f"{self.name}_{k}": scores[k] for k in range(self.num_classes)}

    def _score(self, hits, true, predicted):
        square = self.beta**2
        return ops.divide_no_nan((1 + square) * hits, square * true + predicted)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "beta": self.beta,
            "average": self.average,
            "threshold": self.threshold,
        }
