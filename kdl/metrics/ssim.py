"""Structural similarity."""

import keras
import numpy as np
from keras import ops
from numpy.typing import DTypeLike

from kdl.metrics.image_metric import ImageMetric
from kdl.typing import Shape, Tensor

WINDOW, _SIGMA = 11, 1.5
_K = 0.01, 0.03


@keras.saving.register_keras_serializable(package="kdl")
class SSIM(ImageMetric):
    """Mean structural similarity of images, in `[-1, 1]`; 1 for equal ones.

    In a Gaussian window of 11 x 11 pixels and a standard deviation of 1.5, with means
    `m`, variances `v` and the covariance `c`, it is

        (2 m_true m_pred + C1) (2 c + C2)
            / ((m_true² + m_pred² + C1) (v_true + v_pred + C2))

    where `C1 = (0.01 max_value)²` and `C2 = (0.03 max_value)²`. The value of an image
    is the mean over the windows that lie wholly within it, and over its channels, as
    `skimage.metrics.structural_similarity` has it with `gaussian_weights=True`,
    `sigma=1.5` and `use_sample_covariance=False`. Keras has nothing of the kind. The
    squared error asks how far pixels are off; this asks whether the same edges are
    there.

    Args:
        max_value: Float in `(0, inf)`. The value of white, 1 or 255, if that of black
            is 0. Defaults to `1.0`.
        name: String. Defaults to `"ssim"`.
        dtype: Optional dtype of the result. Defaults to `None`, Keras's.

    Call arguments:
        y_true: Images, of the shape of the predictions.
        y_pred: Images of shape `(batch, height, width, channels)`, of 11 pixels a side
            or more.
        sample_weight: Optional weights of the images, of shape `(batch,)`.

    Returns:
        Scalar, when `result()` is called. Higher is better.

    Raises:
        ValueError: If `max_value` is outside its interval, or if images are not of such
            a shape.

    Example:

    >>> metric = kdl.metrics.SSIM()
    >>> images = np.random.default_rng(0).uniform(size=(2, 16, 16, 3))
    >>> metric.update_state(images, images)
    >>> round(float(metric.result()), 3)
    1.0

    References:
        - [Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861)
    """

    def __init__(
        self, max_value: float = 1.0, name: str = "ssim", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(max_value, name, dtype)

    def check(self, shape: Shape) -> None:
        known = [side for side in shape[1:3] if side is not None]
        if len(shape) != 4 or min(known, default=WINDOW) < WINDOW:
            raise ValueError(
                "`y_pred` must be images of shape (batch, height, width, channels), of "
                f"{WINDOW} pixels a side or more, the size of the window. "
                f"Received: y_pred of shape {shape}"
            )

    def likeness(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        parts = [y_true, y_pred, y_true**2, y_pred**2, y_true * y_pred]
        # One channel at a time, each an image of its own.
        stacked = ops.moveaxis(ops.stack(parts), -1, 2)
        kind, batch, channels, height, width = ops.shape(stacked)
        count = kind * batch * channels
        images = ops.reshape(stacked, (count, height, width, 1))
        for window in (_GAUSSIAN[:, None], _GAUSSIAN[None]):
            kernel = ops.cast(window[..., None, None], images.dtype)
            images = ops.conv(images, kernel, data_format="channels_last")
        inner = ops.shape(images)[1:3]
        means = ops.reshape(images, (kind, batch, channels, *inner))
        m_true, m_pred, square_true, square_pred, product = ops.unstack(means, kind)
        c1, c2 = ((k * self.max_value) ** 2 for k in _K)
        variances = square_true - m_true**2 + square_pred - m_pred**2
        covariance = product - m_true * m_pred
        similarity = (
            (2 * m_true * m_pred + c1)
            * (2 * covariance + c2)
            / ((m_true**2 + m_pred**2 + c1) * (variances + c2))
        )
        return ops.mean(similarity, (1, 2, 3))


def _gaussian():
    distance = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (distance / _SIGMA) ** 2)
    return (weights / weights.sum()).astype("float32")


_GAUSSIAN = _gaussian()
