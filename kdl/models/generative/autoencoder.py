"""Autoencoder."""

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kdl.checks import check_integer, check_part
from kdl.layers import Clock, Corruption
from kdl.models.generative.parts import (
    call_once,
    check_network,
    check_pair,
)
from kdl.typing import RegularizerLike, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Autoencoder(keras.Model):
    """Learns to restore its inputs from a code that has room for what matters alone.

    The encoder makes codes of data, and the decoder data of codes. It is fitted to
    data without targets, `model.fit(x)`, by any loss of Keras between the data and what
    becomes of them. With targets, `model.fit(x, y)`, it learns to make those.

    - A code smaller than the data must be chosen well: with linear networks it is
      PCA's.
    - A denoising autoencoder sees corrupted data, and learns to restore the clean ones.
      Its code need not be small.
    - A sparse one has a larger code of which few numbers are active, by a regularizer:
      `keras.regularizers.L1`, or `kdl.regularizers.KLSparsity` on codes in `[0, 1]`.

    Args:
        encoder: `keras.Model` from data to codes.
        decoder: `keras.Model` from codes to data.
        corruption: Optional `kdl.layers.Corruption`, or another layer, through which
            data go to the encoder in training. Defaults to `None`.
        sparsity: Optional regularizer of the codes, whose penalty is the mean over the
            batch. Defaults to `None`.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Call arguments:
        inputs: Float tensor of data.
        training: Boolean. Whether to corrupt them. Defaults to `False`.

    Returns:
        Tensor of data, of the shape of the inputs.

    Raises:
        ValueError: If an argument is not as described, or if the shapes of the networks
            do not agree.

    Example:

    >>> layers = [keras.Input((64,)), keras.layers.Dense(8)]
    >>> encoder = keras.Sequential(layers)
    >>> decoder = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64)])
    >>> noise = kdl.layers.Corruption("masking", 0.2)
    >>> model = kdl.models.Autoencoder(encoder, decoder, noise)
    >>> model.compile("adam", "mse")
    >>> data = np.random.default_rng(0).uniform(size=(32, 64))
    >>> history = model.fit(data, verbose=0)
    >>> model.encode(data).shape
    (32, 8)

    References:
        - [Hinton and Salakhutdinov, 2006](https://doi.org/10.1126/science.1127647)
        - [Vincent et al., 2010](https://jmlr.org/papers/v11/vincent10a.html), denoising
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        corruption: keras.Layer | None = None,
        sparsity: RegularizerLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder = check_network("encoder", encoder)
        self.decoder = check_network("decoder", decoder)
        check_pair(self.encoder, self.decoder)
        self.corruption = _check_layer("corruption", corruption)
        self.sparsity = check_part("sparsity", sparsity, "regularizer")
        self._code = keras.layers.Activation(
            "linear", activity_regularizer=self.sparsity
        )
        self.clock = Clock()
        call_once(self, (self.encoder.input_shape[1:], "float32"))

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        inputs = self.clock(inputs, training=training)
        if self.corruption is not None:
            inputs = self.corruption(inputs, training=training)
        code = self._code(self.encoder(inputs, training=training))
        return self.decoder(code, training=training)

    def compute_loss(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        y_pred: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        y = x if y is None else y
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(
        self, x: Tensor, y: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> dict[str, Any]:
        y = x if y is None else y
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def encode(self, x: ArrayLike) -> np.ndarray:
        """Returns the codes of data.

        Args:
            x: Array of data.
        """
        return self.encoder.predict(x, verbose=0)

    def decode(self, codes: ArrayLike) -> np.ndarray:
        """Returns the data that codes stand for.

        Args:
            codes: Array of codes.
        """
        return self.decoder.predict(codes, verbose=0)

    def reconstruct(self, x: ArrayLike) -> np.ndarray:
        """Returns what the model makes of data, not corrupted.

        Args:
            x: Array of data.
        """
        return self.decode(self.encode(x))

    def interpolate(self, a: ArrayLike, b: ArrayLike, steps: int = 8) -> np.ndarray:
        """Returns data on the way from some to others, by their codes.

        Args:
            a: Array of data, of shape `(count, ...)`.
            b: Array of data, of the same shape.
            steps: Integer in `[2, inf)`. How many there are of each pair, the ends
                included. Defaults to `8`.

        Returns:
            Array of shape `(count, steps, ...)`.
        """
        steps = check_integer("steps", steps, "[2, inf)")
        a, b = self.encode(a), self.encode(b)
        shares = np.linspace(0, 1, steps).reshape(-1, *[1] * (a.ndim - 1))
        codes = (1 - shares) * a[:, np.newaxis] + shares * b[:, np.newaxis]
        made = self.decode(codes.reshape(-1, *a.shape[1:]))
        return made.reshape(len(a), steps, *made.shape[1:])

    def get_config(self) -> dict[str, Any]:
        serialized = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("encoder", "decoder", "corruption", "sparsity")
        }
        return {"name": self.name, "trainable": self.trainable, **serialized}


def _check_layer(name, value):
    """Returns a layer, or `None`."""
    if isinstance(value, dict) and value:
        value = keras.saving.deserialize_keras_object(value)
    if value is not None and not isinstance(value, keras.layers.Layer):
        raise ValueError(
            f"`{name}` must be a layer, such as kdl.layers.{Corruption.__name__}, or "
            f"None. Received: {name}={value!r}"
        )
    return value
