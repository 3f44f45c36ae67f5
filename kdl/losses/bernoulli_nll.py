"""Negative log-likelihood of Bernoulli variables."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_boolean, check_targets
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class BernoulliNLL(keras.losses.Loss):
    """Negative log-likelihood of binary data, summed over an example.

    With `p` the probabilities, the loss of an example `y` is, in nats,

        -sum(y * log(p) + (1 - y) * log(1 - p))

    over all axes but the batch. It is the reconstruction term of the ELBO of a
    variational autoencoder, whose other term is `kdl.losses.GaussianKL`.

    `keras.losses.BinaryCrossentropy` averages over the features. Beside a divergence
    that is summed, this multiplies the β of the autoencoder by the number of features,
    784 for an image of 28 x 28, and the code goes unused.

    Targets between 0 and 1, such as shades of grey, are taken as probabilities, which
    is usual, although it is the likelihood of binary data alone.

    Args:
        from_logits: Boolean. Whether predictions are logits, rather than
            probabilities, which are kept within `[1e-7, 1 - 1e-7]`, Keras's epsilon.
            Defaults to `True`.
        **kwargs: Arguments of `keras.losses.Loss`: `name`, `reduction`, `dtype`.

    Call arguments:
        y_true: Tensor of values in `[0, 1]`, of the shape of the predictions.
        y_pred: Float tensor of shape `(batch, ...)`.
        sample_weight: Optional tensor of weights of shape `(batch,)`.

    Returns:
        Scalar tensor, or one value for each example with `reduction=None`.

    Raises:
        ValueError: If `from_logits` is not a boolean.

    Example:

    >>> loss = kdl.losses.BernoulliNLL()
    >>> decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(64)])
    >>> decoder.compile("adam", loss)

    References:
        - [Kingma and Welling, 2014](https://arxiv.org/abs/1312.6114), appendix C.1
        - [Loaiza-Ganem and Cunningham, 2019](https://arxiv.org/abs/1907.06845), on
          targets that are not binary
    """

    def __init__(self, from_logits: bool = True, **kwargs: Any) -> None:
        super().__init__(**{"name": "bernoulli_nll", **kwargs})
        self.from_logits = check_boolean("from_logits", from_logits)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_true = check_targets(y_true, y_pred.shape, "targets")
        if self.from_logits:
            # Each term by itself, since their difference would lose the small ones.
            one, zero = ops.softplus(-y_pred), ops.softplus(y_pred)
        else:
            epsilon = keras.config.epsilon()
            # In float32 at least: half precision has nothing between 1 - epsilon and 1.
            dtype = keras.backend.result_type(y_pred.dtype, "float32")
            y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
            p = ops.clip(y_pred, epsilon, 1 - epsilon)
            one, zero = -ops.log(p), -ops.log1p(-p)
        nll = y_true * one + (1 - y_true) * zero
        return ops.sum(nll, axis=tuple(range(1, len(nll.shape))))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits}
