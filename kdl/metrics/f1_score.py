"""F1 score of integer labels."""

from typing import Any, Literal

import keras

from kdl.metrics.fbeta_score import FBetaScore


@keras.saving.register_keras_serializable(package="kdl")
class F1Score(FBetaScore):
    """F1 score of integer labels: the harmonic mean of precision and recall.

    Of a class that is true in `t` examples and predicted in `p`, rightly in `h`, it is

        2 * h / (t + p)

    and zero if there are none. The average over classes is one of

    - `"macro"`: their mean, in which a rare class counts like any other.
    - `"weighted"`: their mean, each weighted by its `t`.
    - `"micro"`: the score of the sums of `h`, `t` and `p`, which is the accuracy over
      labels that are classes.

    `keras.metrics.F1Score` takes one-hot labels only, and without an average has an
    array as its result, of which `fit` shows the mean. Here, each class is a number of
    the logs.

    Labels that are no class are left out; `kdl.metrics.ConfusionMatrix` counts them.
    With recall and precision weighted differently, it is `kdl.metrics.FBetaScore`.

    Args:
        num_classes: Integer in `[2, inf)`. Number of classes.
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
    >>> model.compile("adam", loss, metrics=[kdl.metrics.F1Score(10)])
    >>> history = model.fit(x, y, validation_data=validation, verbose=0)

    References:
        - [scikit-learn](
          https://scikit-learn.org/stable/modules/generated/sklearn.metrics.f1_score.html),
          with `labels=range(num_classes)` and `zero_division=0`
    """

    def __init__(
        self,
        num_classes: int,
        average: Literal["macro", "micro", "weighted"] | None = "macro",
        threshold: float = 0.5,
        **kwargs: Any,
    ) -> None:
        kwargs = {"name": "f1_score", **kwargs}
        super().__init__(num_classes, 1.0, average, threshold, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config
