"""Divergence of normal distributions."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_targets
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class GaussianKL(keras.losses.Loss):
    """Kullback-Leibler divergence of normal distributions, summed over an example.

    With means `m` and log variances `v` of the prediction `q` and of the target `p`,
    independent in each dimension, the loss of an example is, in nats,

        KL(q || p) = sum(exp(v_q - v_p) - 1 - (v_q - v_p)
                         + (m_q - m_p) ** 2 * exp(-v_p)) / 2

    over all axes but the batch. It is never negative, and zero where both agree.

    It is the regularizing term of the ELBO of a variational autoencoder: `q` is what
    the encoder says of an example, and `p` the prior. Targets of zeros are the standard
    normal. With the negative log-likelihood of the reconstruction, which is summed as
    well, it is the negative ELBO. `keras.losses.KLDivergence` takes probabilities of
    classes, not of normal distributions.

    Args:
        **kwargs: Arguments of `keras.losses.Loss`: `name`, `reduction`, `dtype`.

    Call arguments:
        y_true: Float tensor of the shape of the predictions, of `p`.
        y_pred: Float tensor of shape `(batch, ..., 2 * size)`, of `q`: first the means,
            then the log variances. In float32 the variance is finite up to a log
            variance of 88.
        sample_weight: Optional tensor of weights of shape `(batch,)`.

    Returns:
        Scalar tensor, or one value for each example with `reduction=None`.

    Raises:
        ValueError: If the size of the last axis is odd.

    Example:

    Of a model with outputs `"image"`, logits, and `"code"`, means and log variances.
    The weight β of the divergence comes in over 1000 batches, by a `kdl.layers.Clock`.

    >>> beta = keras.optimizers.schedules.PolynomialDecay(0.0, 1000, 1.0)
    >>> loss = {
    ...     "image": kdl.losses.BernoulliNLL(),
    ...     "code": kdl.losses.WeightedLoss(kdl.losses.GaussianKL(), beta),
    ... }
    >>> size = 2
    >>> targets = {"image": x, "code": np.zeros((len(x), 2 * size))}

    References:
        - [Kingma and Welling, 2014](https://arxiv.org/abs/1312.6114), appendix B
        - [Higgins et al., 2017](https://openreview.net/forum?id=Sy2fzU9gl), of β
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"name": "gaussian_kl", **kwargs})

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if len(y_pred.shape) < 2 or y_pred.shape[-1] % 2:
            raise ValueError(
                "`y_pred` must hold means and log variances, an even number of values "
                "on the last of two or more axes. "
                f"Received: shape={tuple(y_pred.shape)}"
            )
        y_true = check_targets(y_true, y_pred.shape, "means and log variances")
        p_mean, p_log_variance = ops.split(y_true, 2, axis=-1)
        q_mean, q_log_variance = ops.split(y_pred, 2, axis=-1)
        log_ratio = q_log_variance - p_log_variance
        squares = ops.square(q_mean - p_mean) * ops.exp(-p_log_variance)
        kl = (ops.expm1(log_ratio) - log_ratio + squares) / 2
        return ops.sum(kl, axis=tuple(range(1, len(kl.shape))))
