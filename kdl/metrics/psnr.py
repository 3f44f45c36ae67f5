"""Peak signal-to-noise ratio."""

import math

import keras
from keras import ops
from numpy.typing import DTypeLike

from kdl.metrics.image_metric import ImageMetric
from kdl.typing import Tensor

# Where there is no noise, the ratio is infinite, and so would be each mean with it.
_MOST = 100.0


@keras.saving.register_keras_serializable(package="kdl")
class PSNR(ImageMetric):
    """Mean peak signal-to-noise ratio of images, in decibels.

    Of each example it is

        10 * log10(max_value² / mean of (y_true - y_pred)²)

    over all axes but the batch, and at most 100, which is also that of equal images.
    The mean is over images, as super-resolution is reported: `keras.ops.psnr` takes the
    mean of the squares over the whole batch first, so that one bad image hides the
    others, and the value depends on the batch size.

    Args:
        max_value: Float in `(0, inf)`. The value of white, 1 or 255, if that of black
            is 0. Defaults to `1.0`.
        name: String. Defaults to `"psnr"`.
        dtype: Optional dtype of the result. Defaults to `None`, Keras's.

    Call arguments:
        y_true: Images, of the shape of the predictions.
        y_pred: Images of shape `(batch, ...)`. They are not clipped.
        sample_weight: Optional weights of the images, of shape `(batch,)`.

    Returns:
        Scalar, when `result()` is called. Higher is better.

    Raises:
        ValueError: If `max_value` is outside its interval.

    Example:

    >>> metric = kdl.metrics.PSNR()
    >>> metric.update_state(np.zeros((1, 8, 8, 3)), np.full((1, 8, 8, 3), 0.1))
    >>> round(float(metric.result()), 3)
    20.0
    """

    def __init__(
        self, max_value: float = 1.0, name: str = "psnr", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(max_value, name, dtype)

    def likeness(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        axes = tuple(range(1, len(y_pred.shape)))
        noise = ops.mean(ops.square(y_true - y_pred), axes)
        least = self.max_value**2 * 10 ** (-_MOST / 10)
        ratio = self.max_value**2 / ops.maximum(noise, least)
        return 10 / math.log(10) * ops.log(ratio)
