"""DropConnect."""

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from kdl.checks import check_boolean, check_choice, check_integer, check_seed
from kdl.layers.dropout.dropout import drop
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor

# Gauss-Hermite quadrature of a standard normal: sixteen nodes and their weights.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(16)
_QUADRATURE = list(
    zip(_NODES.tolist(), (_WEIGHTS / _WEIGHTS.sum()).tolist(), strict=True)
)
# Activations of Keras that need more of an example than one unit.
_ACROSS_UNITS = (
    keras.activations.glu,
    keras.activations.log_softmax,
    keras.activations.softmax,
    keras.activations.sparsemax,
)


@keras.saving.register_keras_serializable(package="kdl")
class DropConnectDense(keras.layers.Dense):
    """A `Dense` layer that drops connections, rather than units, in training.

    Each training call sets every entry of the kernel to zero with probability
    `rate` and divides the rest by `1 - rate`, so that the kernel keeps its
    expected value. Inference uses the kernel as it is, or the mean of what comes
    after the activation: before it, what the masks make of an example is nearly
    Gaussian, with

        mean = inputs @ kernel + bias
        variance = rate / (1 - rate) * (inputs ** 2) @ (kernel ** 2)

    Keras's `Dropout` drops whole units, all connections of one at a time; dropping
    them one by one regularizes less bluntly, at the cost of a mask as large as the
    kernel.

    The paper draws a mask per example, as with `per_example=True`. One mask per call,
    shared by the batch, takes the memory of one kernel rather than one per example,
    for a noisier gradient. The paper drops the bias as well; this layer never does.
    At inference the paper samples the Gaussian; with `inference="gaussian"` this layer
    integrates over it by Gauss-Hermite quadrature instead, which gives the mean of the
    samples without their noise. Of a ReLU the mean is right to 0.02 standard
    deviations; of a tanh, to 1e-4 at a standard deviation of 1 and 0.03 at 3.

    DropConnect is not the `drop_connect` of EfficientNet, which drops whole
    residual branches and is better called stochastic depth.

    Args:
        units: Positive integer. Dimension of the output space.
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a connection
            is dropped. The paper uses 0.5.
        seed: Optional integer. Makes the sequence of masks reproducible on a
            given backend. Defaults to `None`.
        per_example: Boolean. Whether each index of the first axis has a mask of its
            own, which takes the memory of a kernel for each. Defaults to `False`.
        inference: `"mean"`, the activation of the mean, as of a `Dense` layer, or
            `"gaussian"`, the mean of the activation, which has to be element-wise. It
            costs sixteen activations and a second product with a kernel. Defaults to
            `"mean"`.
        **kwargs: Arguments of `keras.layers.Dense`, such as `activation`.

    Call arguments:
        inputs: Float tensor of shape `(..., features)`.
        training: Boolean. Whether to drop connections. Defaults to `False`.

    Returns:
        Tensor of shape `(..., units)` and of the layer's compute dtype.

    Raises:
        ValueError: If an argument is not as described, or if `inference="gaussian"`
            meets an activation of Keras that is not element-wise, such as softmax.

    Example:

    >>> layer = kdl.layers.DropConnectDense(8, rate=0.5, activation="relu")
    >>> outputs = layer(keras.ops.ones((2, 4)), training=True)

    References:
        - [Wan et al., 2013](https://proceedings.mlr.press/v28/wan13.html)
    """

    def __init__(
        self,
        units: int,
        rate: FloatOrSchedule,
        seed: int | None = None,
        per_example: bool = False,
        inference: Literal["mean", "gaussian"] = "mean",
        **kwargs: Any,
    ) -> None:
        super().__init__(check_integer("units", units, "[1, inf)"), **kwargs)
        self.rate = number("rate", rate, "[0, 1)")
        self.seed = check_seed("seed", seed)
        self.per_example = check_boolean("per_example", per_example)
        self.inference = check_choice("inference", inference, ("mean", "gaussian"))
        if self.inference == "gaussian" and self.activation in _ACROSS_UNITS:
            raise ValueError(
                "`activation` must be element-wise with inference='gaussian'. "
                f"Received: activation={self.activation.__name__!r}"
            )
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        rate = now(self.rate, training)
        if training:
            return self.activation(self._dropped(inputs, rate))
        if self.inference == "gaussian":
            return self._expected(inputs, rate)
        return super().call(inputs)

    def _dropped(self, inputs, rate):
        # JAX and torch fail to drop a variable.
        kernel = ops.cast(self.kernel, self.compute_dtype)
        if not self.per_example:
            kernel = drop(kernel, rate, self.seed_generator)
            return self._with_bias(ops.matmul(inputs, kernel))
        shape = (ops.shape(inputs)[0], *kernel.shape)
        kernels = drop(ops.broadcast_to(kernel, shape), rate, self.seed_generator)
        return self._with_bias(ops.einsum("b...i,biu->b...u", inputs, kernels))

    def _expected(self, inputs, rate):
        """The mean of the activation over the Gaussian before it."""
        mean = ops.cast(self._with_bias(ops.matmul(inputs, self.kernel)), "float32")
        # In float32: squares leave the range of half precision.
        squares = [ops.square(ops.cast(x, "float32")) for x in (inputs, self.kernel)]
        variance = rate / (1 - rate) * ops.matmul(*squares)
        # The gradient of a root is not finite at zero.
        stddev = ops.sqrt(ops.maximum(variance, 1e-12))
        outputs = sum(
            weight * self.activation(mean + node * stddev)
            for node, weight in _QUADRATURE
        )
        return ops.cast(outputs, self.compute_dtype)

    def _with_bias(self, outputs):
        return ops.add(outputs, self.bias) if self.use_bias else outputs

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": keras.saving.serialize_keras_object(self.rate),
            "seed": self.seed,
            "per_example": self.per_example,
            "inference": self.inference,
        }
