"""Perceptual loss."""

from typing import Any

import keras
from keras import ops, tree

from kdl.checks import check_targets
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class PerceptualLoss(keras.losses.Loss):
    """Compares images by what a frozen network sees in them.

    With `f_l(y)` what the network returns from layer `l`, the loss of an example is

        weight * sum over l of mean of (f_l(y_true) - f_l(y_pred))²
            + pixel_weight * mean of |y_true - y_pred|

    The mean of the pixels' errors is small for a blurred image, since blur is the mean
    of all details that could be there. Features that an edge or a texture turn on are
    then missing. Such a loss makes images sharper, and their PSNR lower.

    The weights of the network are not trained, whatever its `trainable` says, since
    they belong to no layer of the model. They are saved with a compiled model and
    reloaded with it. Batch normalization and dropout of the network are as in
    inference.

    Args:
        features: `keras.Model` of images, which returns what is compared: a tensor, or
            several. `kdl.models.features(model, ["stage_1", "stage_2"])` makes one
            of a model and the names of its layers.
        weight: Float in `[0, inf)`, or a schedule of it. Defaults to `1.0`.
        pixel_weight: Float in `[0, inf)`, or a schedule of it. That of the mean
            absolute error of the pixels. Defaults to `0.0`.
        **kwargs: Arguments of `keras.losses.Loss`: `name`, `reduction`, `dtype`.

    Call arguments:
        y_true: Images of the shape of the predictions, scaled as the network takes
            them.
        y_pred: Float tensor of shape `(batch, height, width, channels)`.
        sample_weight: Optional tensor of weights of shape `(batch,)`.

    Returns:
        Scalar tensor, or one value for each example with `reduction=None`.

    Raises:
        ValueError: If `features` is not a model whose inputs are known, or if a weight
            is outside its interval.

    Example:

    >>> network = kdl.models.vgg((None, None, 3), filters=(8, 16), depth=1)
    >>> part = kdl.models.features(network, ["stage_1", "stage_2"])
    >>> loss = kdl.losses.PerceptualLoss(part, pixel_weight=1.0)
    >>> enlarge = kdl.models.super_resolution((None, None, 3), filters=8, depth=1)
    >>> enlarge.compile("adam", loss)

    References:
        - [Johnson et al., 2016](https://arxiv.org/abs/1603.08155)
    """

    def __init__(
        self,
        features: keras.Model,
        weight: FloatOrSchedule = 1.0,
        pixel_weight: FloatOrSchedule = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"name": "perceptual_loss", **kwargs})
        if isinstance(features, dict) and features:
            features = keras.saving.deserialize_keras_object(features)
        if not isinstance(features, keras.Model) or not getattr(
            features, "inputs", None
        ):
            raise ValueError(
                "`features` must be a keras.Model of which inputs and outputs are "
                f"known, as of keras.Model(inputs, outputs). Received: {features=}"
            )
        self.features = features
        self.weight = number("weight", weight, "[0, inf)")
        self.pixel_weight = number("pixel_weight", pixel_weight, "[0, inf)")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true = check_targets(y_true, y_pred.shape, "images")
        if y_pred.shape[0] == 0:
            # On some processors TensorFlow fails at a convolution of no image.
            return ops.zeros((0,), y_pred.dtype)
        pixels = now(self.pixel_weight, dtype=y_pred.dtype)
        loss = pixels * _mean(ops.abs(y_true - y_pred))
        seen, made = (
            tree.flatten(self.features(images, training=False))
            for images in (y_true, y_pred)
        )
        weight = now(self.weight, dtype=y_pred.dtype)
        for a, b in zip(seen, made, strict=True):
            difference = ops.cast(a, y_pred.dtype) - ops.cast(b, y_pred.dtype)
            loss = loss + weight * _mean(ops.square(difference))
        return loss

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "features": keras.saving.serialize_keras_object(self.features),
            "weight": keras.saving.serialize_keras_object(self.weight),
            "pixel_weight": keras.saving.serialize_keras_object(self.pixel_weight),
        }


def _mean(values):
    """The mean of each example."""
    return ops.mean(values, axis=tuple(range(1, len(values.shape))))
