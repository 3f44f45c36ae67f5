"""Peak signal-to-noise ratio."""

import math

import keras
from keras import ops

from kdl.checks import check_dtype, check_name, check_number, check_targets

# Where there is no noise, the ratio is infinite, and so would be each mean with it.
_MOST = 100.0


@keras.saving.register_keras_serializable(package="kdl")
class PSNR(keras.metrics.Mean):
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

    def __init__(self, max_value=1.0, name="psnr", dtype=None):
        super().__init__(check_name("name", name), check_dtype("dtype", dtype))
        self.max_value = check_number("max_value", max_value, "(0, inf)")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.convert_to_tensor(y_pred, self.dtype)
        y_true = check_targets(
            ops.convert_to_tensor(y_true, self.dtype), y_pred.shape, "images"
        )
        axes = tuple(range(1, len(y_pred.shape)))
        noise = ops.mean(ops.square(y_true - y_pred), axes)
        least = self.max_value**2 * 10 ** (-_MOST / 10)
        ratio = self.max_value**2 / ops.maximum(noise, least)
        super().update_state(10 / math.log(10) * ops.log(ratio), sample_weight)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "max_value": self.max_value}
