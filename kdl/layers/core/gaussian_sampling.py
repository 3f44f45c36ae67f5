"""Sampling from a normal distribution."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_seed
from kdl.losses import GaussianKL
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class GaussianSampling(keras.layers.Layer):
    """Draws the code of a variational autoencoder, and adds its divergence to the loss.

    Of inputs that hold means `m` and log variances `v` it returns, in training,

        outputs = m + exp(v / 2) * noise,   noise from N(0, 1)

    in which the gradient passes to both (the reparametrization trick), and adds

        beta * mean over the batch of sum(exp(v) - 1 - v + m ** 2) / 2

    to the loss of the model, the Kullback-Leibler divergence from the standard normal
    in nats, as `kdl.losses.GaussianKL` has it. With a negative log-likelihood that is
    summed over an example, such as `kdl.losses.BernoulliNLL`, the loss is the negative
    ELBO at a `beta` of 1.

    At inference the outputs are the means. The divergence is added all the same.

    Args:
        beta: Float in `[0, inf)`, or a schedule of it. Weight of the divergence. One
            that grows from 0 keeps the decoder from ignoring the code. Defaults to
            `1.0`.
        seed: Optional integer. Makes the sequence of noise reproducible on a given
            backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of shape `(batch, ..., 2 * size)`: first the means, then
            the log variances.
        training: Boolean. Whether to draw. Defaults to `False`.

    Returns:
        Tensor of shape `(batch, ..., size)` and of the layer's compute dtype.

    Raises:
        ValueError: If `beta` is outside its interval, or if the size of the last axis
            is odd.

    Example:

    >>> image = keras.Input((64,))
    >>> code = keras.layers.Dense(2 * 8)(image)
    >>> code = kdl.layers.GaussianSampling()(code)
    >>> vae = keras.Model(image, keras.layers.Dense(64)(code))
    >>> vae.compile("adam", kdl.losses.BernoulliNLL())

    References:
        - [Kingma and Welling, 2014](https://arxiv.org/abs/1312.6114)
        - [Bowman et al., 2016](https://arxiv.org/abs/1511.06349), of a growing weight
        - [Higgins et al., 2017](https://openreview.net/forum?id=Sy2fzU9gl), of β
    """

    def __init__(
        self, beta: FloatOrSchedule = 1.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.beta = number("beta", beta, "[0, inf)")
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        # In float32: half precision would lose the sum.
        self._divergence = GaussianKL(dtype="float32")

    def build(self, input_shape: Shape) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        beta = now(self.beta, training)
        self.add_loss(beta * self._divergence(ops.zeros_like(inputs), inputs))
        mean, log_variance = ops.split(inputs, 2, axis=-1)
        if not training:
            return mean
        noise = keras.random.normal(
            ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator
        )
        return mean + ops.exp(log_variance / 2) * noise

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        *rest, size = input_shape
        if not rest or not isinstance(size, int) or size % 2:
            raise ValueError(
                "GaussianSampling takes means and log variances, an even number of "
                "values on the last of two or more axes, such as those of "
                "`keras.layers.Concatenate()([mean, log_variance])`. "
                f"Received: inputs of shape {tuple(input_shape)}"
            )
        return *rest, size // 2

    def get_config(self) -> dict[str, Any]:
        beta = keras.saving.serialize_keras_object(self.beta)
        return {**super().get_config(), "beta": beta, "seed": self.seed}
