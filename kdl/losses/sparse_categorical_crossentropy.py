"""Cross-entropy of integer labels, or of shares, smoothed."""

from typing import Any

import keras
from keras import ops

from kdl.checks import (
    are_shares,
    check_boolean,
    check_integer,
    check_optional,
    check_targets,
)
from kdl.losses.masks import mask_of
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class SparseCategoricalCrossentropy(keras.losses.Loss):
    """Cross-entropy of integer labels, with label smoothing.

    With `s` the smoothing, the loss of an example of class `y` among `C` classes is

        -(1 - s) * log(p[y]) - s / C * sum(log(p))

    which is the cross-entropy with targets that put `1 - s + s / C` on the class, and
    `s / C` on every other. It keeps a network from growing ever more certain.

    Targets may be shares `t` of the classes instead, as MixUp and CutMix make them.
    Their loss is `-(1 - s) * sum(t * log(p)) - s / C * sum(log(p))`. So one compiled
    model can learn from shares and be tested on labels.

    Keras smooths one-hot labels only. Smoothing may follow a schedule: much of it
    early, say, and none at the end, so that the probabilities come out sharp.

    Args:
        from_logits: Boolean. Whether predictions are logits, rather than
            probabilities. Defaults to `False`.
        label_smoothing: Float in `[0, 1)`, or a schedule of it. Share of the target
            that is spread over all classes; 0.1 is usual. Defaults to `0.0`.
        axis: Integer. Axis of the classes. Defaults to `-1`.
        ignore_class: Optional integer. Label whose loss is zero and which counts in no
            mean, such as that of a void region or of padding. It need not be a class.
            Defaults to `None`.
        **kwargs: Arguments of `keras.losses.Loss`: `name`, `reduction`, `dtype`.

    Call arguments:
        y_true: Integers, of the shape of the predictions without the axis of the
            classes, or with a size of 1 there. One that is no class, nor ignored, makes
            the loss NaN. Or a float tensor of the shape of the predictions: shares of
            the classes, none of which is ignored.
        y_pred: Float tensor of shape `(batch, ..., classes)`.
        sample_weight: Optional tensor of weights, one for each label.

    Returns:
        Scalar tensor, or one for each label with `reduction=None`.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> loss = kdl.losses.SparseCategoricalCrossentropy(True, label_smoothing=0.1)
    >>> model.compile("adam", loss)

    References:
        - [Szegedy et al., 2016](https://arxiv.org/abs/1512.00567)
        - [Müller et al., 2019](https://arxiv.org/abs/1906.02629)
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: FloatOrSchedule = 0.0,
        axis: int = -1,
        ignore_class: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "sparse_categorical_crossentropy", **kwargs})
        self.from_logits = check_boolean("from_logits", from_logits)
        self.label_smoothing = number("label_smoothing", label_smoothing, "[0, 1)")
        self.axis = check_integer("axis", axis, "(-inf, inf)")
        self.ignore_class = check_optional(
            check_integer, "ignore_class", ignore_class, "(-inf, inf)"
        )

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        if self.ignore_class is not None:
            sample_weight = self._weights(y_true, y_pred, sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if self.from_logits:
            log_p = ops.log_softmax(y_pred, self.axis)
        else:
            # As Keras does: what is to be probabilities is made to sum to one, and
            # kept from zero.
            p = y_pred / ops.sum(y_pred, self.axis, keepdims=True)
            log_p = ops.log(ops.clip(p, keras.config.epsilon(), 1.0))
        smoothing = now(self.label_smoothing, dtype=y_pred.dtype)
        spread = smoothing * ops.mean(log_p, self.axis)
        if are_shares(y_true, y_pred, self.axis):
            return (smoothing - 1) * ops.sum(y_true * log_p, self.axis) - spread
        y_true, classes = self._labels(y_true, y_pred), y_pred.shape[self.axis]
        labels = ops.clip(ops.cast(y_true, "int32"), 0, classes - 1)
        labels = ops.expand_dims(labels, self.axis)
        chosen = ops.squeeze(ops.take_along_axis(log_p, labels, self.axis), self.axis)
        is_class = ops.logical_and(y_true >= 0, y_true < classes)
        chosen = ops.where(is_class, chosen, float("nan"))
        loss = (smoothing - 1) * chosen - spread
        if self.ignore_class is None:
            return loss
        return ops.where(y_true == self.ignore_class, 0, loss)

    def _labels(self, y_true, y_pred):
        """Labels of the shape of the predictions without the axis of the classes."""
        shape = list(y_pred.shape)
        del shape[self.axis]
        if len(y_true.shape) > len(shape) and y_true.shape[self.axis] == 1:
            y_true = ops.squeeze(y_true, self.axis)
        try:
            return check_targets(y_true, shape, "integer labels")
        except ValueError:
            raise ValueError(
                f"`y_true` must be integer labels of shape {tuple(shape)}, or shares "
                f"of shape {tuple(y_pred.shape)}. Received: shape={tuple(y_true.shape)}"
            ) from None

    def _weights(self, y_true, y_pred, sample_weight):
        """Weights of the labels, by which a mean is over those that count."""
        y_true, y_pred = map(ops.convert_to_tensor, (y_true, y_pred))
        if are_shares(y_true, y_pred, self.axis):
            return sample_weight
        labels = self._labels(ops.cast(y_true, "float32"), y_pred)
        weights = ops.cast(labels != self.ignore_class, "float32")
        if self.reduction in ("sum_over_batch_size", "mean"):
            # Keras divides by how many labels its own mask leaves.
            mask = mask_of(y_pred, self.axis)
            weights *= ops.divide_no_nan(ops.sum(mask), ops.sum(mask * weights))
        if sample_weight is None:
            return weights
        given = ops.cast(sample_weight, "float32")
        missing = len(weights.shape) - len(given.shape)
        if missing > 0:
            given = ops.reshape(given, (*ops.shape(given), *[1] * missing))
        return weights * (
            ops.reshape(given, ops.shape(weights)) if missing < 0 else given
        )

    def get_config(self) -> dict[str, Any]:
        smoothing = keras.saving.serialize_keras_object(self.label_smoothing)
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": smoothing,
            "axis": self.axis,
            "ignore_class": self.ignore_class,
        }
