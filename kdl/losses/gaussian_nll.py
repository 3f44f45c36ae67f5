"""Negative log-likelihood of normal variables."""

import math
from typing import Any

import keras
from keras import ops

from kdl.checks import check_targets
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class GaussianNLL(keras.losses.Loss):
    """Negative log-likelihood of normal data of known spread, summed over an example.

    With `m` the predicted means and `s` the standard deviation, the loss of an example
    `y` is, in nats,

        sum(((y - m) / s) ** 2 / 2 + log(s) + log(2 * pi) / 2)

    over all axes but the batch. It is the reconstruction term of the ELBO of a
    variational autoencoder, whose other term is `kdl.losses.GaussianKL`. Being of a
    density, it may be negative.

    `keras.losses.MeanSquaredError` averages over the features, and has neither the half
    nor the spread. Beside a divergence that is summed, this multiplies the β of the
    autoencoder by half the number of features, and the code goes unused.

    Args:
        stddev: Float in `(0, inf)`, or a schedule of it. Standard deviation of the
            data about the means, in their unit: the error that is to be put up with;
            0.1 to 1 is usual for data of variance one. Defaults to `1.0`.
        **kwargs: Arguments of `keras.losses.Loss`: `name`, `reduction`, `dtype`.

    Call arguments:
        y_true: Float tensor of the shape of the predictions.
        y_pred: Float tensor of means, of shape `(batch, ...)`.
        sample_weight: Optional tensor of weights of shape `(batch,)`.

    Returns:
        Scalar tensor, or one value for each example with `reduction=None`.

    Raises:
        ValueError: If `stddev` is outside its interval.

    Example:

    >>> loss = kdl.losses.GaussianNLL(stddev=0.1)
    >>> decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(64)])
    >>> decoder.compile("adam", loss)

    References:
        - [Kingma and Welling, 2014](https://arxiv.org/abs/1312.6114), appendix C.2
        - [Rybkin, Daniilidis and Levine, 2021](https://arxiv.org/abs/2006.13202), on
          the standard deviation
    """

    def __init__(self, stddev: FloatOrSchedule = 1.0, **kwargs: Any) -> None:
        super().__init__(**{"name": "gaussian_nll", **kwargs})
        self.stddev = number("stddev", stddev, "(0, inf)")

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true = check_targets(y_true, y_pred.shape, "targets")
        stddev = now(self.stddev, dtype=y_pred.dtype)
        stddev = ops.convert_to_tensor(stddev, y_pred.dtype)
        nll = ops.square((y_true - y_pred) / stddev) / 2
        nll = nll + ops.log(stddev) + math.log(2 * math.pi) / 2
        return ops.sum(nll, axis=tuple(range(1, len(nll.shape))))

    def get_config(self) -> dict[str, Any]:
        stddev = keras.saving.serialize_keras_object(self.stddev)
        return {**super().get_config(), "stddev": stddev}
