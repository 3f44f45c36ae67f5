"""Variational autoencoder."""

import math
from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from kdl.checks import check_choice, check_integer, check_seed
from kdl.layers import Clock
from kdl.losses import BernoulliNLL
from kdl.models.generative.autoencoder import Autoencoder
from kdl.models.generative.parts import (
    call_once,
    check_network,
    check_no_loss,
    check_pair,
    weighted_mean,
)
from kdl.private import over_replicas
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor

LIKELIHOODS = "bernoulli", "gaussian"
_BATCH = 1024  # Codes that are decoded at once for a bound.


@keras.saving.register_keras_serializable(package="kdl")
class VariationalAutoencoder(keras.Model):
    """Learns a distribution of data, by codes that are normal.

    Of data `x`, the encoder says the means `m` and log variances `v` of codes `z`, and
    the decoder the likelihood of data given a code. Training minimizes

        -log p(x | z) + beta * KL(N(m, exp(v)) || N(0, 1)),   z from N(m, exp(v))

    in nats, each summed over an example, with one draw of `z`. At a `beta` of 1 that is
    the negative ELBO, a bound of `-log p(x)`. It is fitted to data alone,
    `model.fit(x)`, and compiled without a loss. Logs have the `elbo` and its parts,
    `log_likelihood` given the codes and `kl`, and `loss`.

    The likelihood is of

    - `"bernoulli"`: the decoder returns logits of data in `[0, 1]`. Data between 0 and
      1, such as shades of grey, count as probabilities.
    - `"gaussian"`: it returns means; one standard deviation of all is learned as well.

    Keras has no such model; its example has a training step of its own.

    Args:
        encoder: `keras.Model` from data to `2 * size` numbers on the last axis: first
            means, then log variances.
        decoder: `keras.Model` from codes of `size` numbers to data.
        beta: Float in `[0, inf)`, or a schedule of it. Weight of the divergence. One
            that grows from 0 keeps the decoder from ignoring the code. Defaults to
            `1.0`.
        likelihood: String, `"bernoulli"` or `"gaussian"`. Defaults to `"bernoulli"`.
        free_bits: Float in `[0, inf)`. Nats of each number of the code that cost
            nothing, on the mean over the batch, so that it is used. Defaults to `0.0`.
        seed: Optional integer. Makes the sequence of codes that are drawn in training
            reproducible on a given backend. Defaults to `None`.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: Float tensor of data.
        training: Boolean. Whether codes are drawn, rather than the means. Defaults to
            `False`.

    Returns:
        Dict of `"data"`, what the decoder returns, and `"code"`, means and log
        variances.

    Raises:
        ValueError: If an argument is not as described, or if the shapes of the networks
            do not agree.

    Example:

    >>> layers = [keras.Input((64,)), keras.layers.Dense(2 * 4)]
    >>> encoder = keras.Sequential(layers)
    >>> decoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(64)])
    >>> model = kdl.models.VariationalAutoencoder(encoder, decoder)
    >>> model.compile("adam")
    >>> data = np.random.default_rng(0).uniform(size=(32, 64))
    >>> history = model.fit(data, verbose=0)
    >>> model.generate(5, seed=0).shape
    (5, 64)

    References:
        - [Kingma and Welling, 2014](https://arxiv.org/abs/1312.6114)
        - [Higgins et al., 2017](https://openreview.net/forum?id=Sy2fzU9gl), of β
        - [Kingma et al., 2016](https://arxiv.org/abs/1606.04934), free bits
        - [Burda, Grosse and Salakhutdinov, 2016](https://arxiv.org/abs/1509.00519), the
          importance-weighted bound
        - [Rybkin, Daniilidis and Levine, 2021](https://arxiv.org/abs/2006.13202), the
          standard deviation
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        beta: FloatOrSchedule = 1.0,
        likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
        free_bits: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder = check_network("encoder", encoder)
        self.decoder = check_network("decoder", decoder)
        check_pair(self.encoder, self.decoder, width=2)
        self.beta = number("beta", beta, "[0, inf)")
        self.likelihood = check_choice("likelihood", likelihood, LIKELIHOODS)
        self.free_bits = number("free_bits", free_bits, "[0, inf)")
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self._log_stddev = None
        if likelihood == "gaussian":
            self._log_stddev = self.add_weight(
                name="log_stddev", shape=(), initializer="zeros"
            )
        self._bernoulli = BernoulliNLL(reduction=None, dtype="float32")
        self._parts = [
            keras.metrics.Mean(name=name) for name in ("elbo", "log_likelihood", "kl")
        ]
        self.clock = Clock()
        call_once(self, (self.encoder.input_shape[1:], "float32"))

    @property
    def size(self) -> int:
        """Number of the numbers of a code on its last axis."""
        return self.decoder.input_shape[-1]

    def call(self, inputs: Tensor, training: bool = False) -> dict[str, Tensor]:
        inputs = self.clock(inputs, training=training)
        code = self.encoder(inputs, training=training)
        mean, log_variance = ops.split(code, 2, axis=-1)
        z = mean
        if training:
            noise = keras.random.normal(
                ops.shape(mean), dtype=mean.dtype, seed=self.seed_generator
            )
            z = mean + ops.exp(log_variance / 2) * noise
        return {"data": self.decoder(z, training=training), "code": code}

    def compute_loss(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        y_pred: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        check_no_loss(self, "a variational autoencoder")
        y = x if y is None else y
        nll = self._nll(y, y_pred["data"])
        kl = _divergences(y_pred["code"])
        whole = ops.sum(kl, axis=tuple(range(1, len(kl.shape))))
        for metric, values in zip(
            self._parts, (-nll - whole, -nll, whole), strict=True
        ):
            metric.update_state(values, sample_weight=sample_weight)
        nll, kl = (weighted_mean(values, sample_weight) for values in (nll, kl))
        floor = now(self.free_bits, training)
        kl = ops.sum(ops.maximum(kl, ops.cast(floor, kl.dtype)))
        beta = ops.cast(now(self.beta, training), kl.dtype)
        penalties = sum(ops.sum(penalty) for penalty in self.losses)
        return over_replicas(nll + beta * kl + penalties)

    def _nll(self, y, outputs):
        """Negative log-likelihood of each example in nats."""
        if self.likelihood == "bernoulli":
            return self._bernoulli(y, outputs)
        y, outputs = (ops.cast(part, "float32") for part in (y, outputs))
        log_stddev = ops.convert_to_tensor(self._log_stddev)
        squares = ops.square((y - outputs) * ops.exp(-log_stddev)) / 2
        each = squares + log_stddev + math.log(2 * math.pi) / 2
        return ops.sum(each, axis=tuple(range(1, len(each.shape))))

    def encode(self, x: ArrayLike) -> np.ndarray:
        """Returns the means of the codes of data.

        Args:
            x: Array of data.
        """
        return np.split(self.encoder.predict(x, verbose=0), 2, axis=-1)[0]

    def decode(self, codes: ArrayLike) -> np.ndarray:
        """Returns the means of the data that codes stand for.

        Args:
            codes: Array of codes.
        """
        outputs = self.decoder.predict(codes, verbose=0)
        if self.likelihood == "gaussian":
            return outputs
        return ops.convert_to_numpy(ops.sigmoid(outputs))

    reconstruct = Autoencoder.reconstruct
    interpolate = Autoencoder.interpolate

    def generate(self, count: int, seed: int = 0) -> np.ndarray:
        """Returns data of codes that are drawn from the prior.

        The same seed draws the same codes on each backend.

        Args:
            count: Integer in `[1, inf)`.
            seed: Integer in `[0, inf)`. Defaults to `0`.

        Returns:
            Array of shape `(count, ...)`.
        """
        count = check_integer("count", count, "[1, inf)")
        shape = count, *self.decoder.input_shape[1:]
        rng = np.random.default_rng(check_integer("seed", seed, "[0, inf)"))
        return self.decode(rng.normal(size=shape).astype("float32"))

    def elbos(self, x: ArrayLike) -> np.ndarray:
        """Returns the ELBO of each example at the mean of its code, in nats.

        Nothing is drawn, so that an example has the same value among any others: low
        ones tell which data are unlike those that were learned.

        Args:
            x: Array of data.

        Returns:
            Float array of shape `(examples,)`.
        """
        x = np.asarray(x, "float32")
        found = self.predict(x, verbose=0)
        kl = ops.convert_to_numpy(_divergences(found["code"]))
        nll = ops.convert_to_numpy(self._nll(x, found["data"]))
        return -nll - kl.reshape(len(x), -1).sum(1)

    def log_likelihoods(
        self, x: ArrayLike, samples: int = 100, seed: int = 0
    ) -> np.ndarray:
        """Returns a bound of the log-likelihood of each example, in nats.

        It is the importance-weighted bound of `samples` codes `z_k` that are drawn for
        the example,

            log(mean over k of p(x | z_k) p(z_k) / q(z_k | x))

        which with one is the ELBO, and comes near to `log p(x)` with many.

        Args:
            x: Array of data.
            samples: Integer in `[1, inf)`. Defaults to `100`.
            seed: Integer in `[0, inf)`. Draws the codes. Defaults to `0`.

        Returns:
            Float array of shape `(examples,)`.
        """
        samples = check_integer("samples", samples, "[1, inf)")
        rng = np.random.default_rng(check_integer("seed", seed, "[0, inf)"))
        x = np.asarray(x, "float32")
        codes = np.asarray(self.encoder.predict(x, verbose=0), "float64")
        mean, log_variance = np.split(codes, 2, axis=-1)
        axes = tuple(range(2, mean.ndim + 1))
        at_once, bounds = max(1, _BATCH // samples), []
        for start in range(0, len(x), at_once):
            some = slice(start, start + at_once)
            shape = (len(mean[some]), samples, *mean.shape[1:])
            noise = rng.normal(size=shape)
            deviation = np.exp(log_variance[some] / 2)[:, np.newaxis]
            z = mean[some][:, np.newaxis] + deviation * noise
            prior = -np.square(z).sum(axes) / 2
            own = -(np.square(noise) / 2 + np.log(deviation)).sum(axes)
            outputs = self.decoder.predict(
                z.reshape(-1, *mean.shape[1:]).astype("float32"),
                batch_size=_BATCH,
                verbose=0,
            )
            nll = self._nll(np.repeat(x[some], samples, axis=0), outputs)
            nll = np.asarray(ops.convert_to_numpy(nll), "float64").reshape(prior.shape)
            bounds.append(logsumexp(prior - own - nll, axis=1) - math.log(samples))
        return np.concatenate(bounds)

    def get_config(self) -> dict[str, Any]:
        serialized = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("encoder", "decoder", "beta", "free_bits")
        }
        return {
            "name": self.name,
            "trainable": self.trainable,
            **serialized,
            "likelihood": self.likelihood,
            "seed": self.seed,
        }


def _divergences(code):
    """KL from the standard normal of each number of a code, in nats."""
    mean, log_variance = ops.split(ops.cast(code, "float32"), 2, axis=-1)
    return (ops.exp(log_variance) - 1 - log_variance + ops.square(mean)) / 2
