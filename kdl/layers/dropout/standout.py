"""Standout."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_seed
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Standout(keras.layers.Dense):
    """A `Dense` layer whose units are kept the more likely the more they are driven.

    With `z = inputs @ kernel + bias`, each training call keeps a unit with probability

        keep = sigmoid(alpha * z + beta)

    and gives `activation(z)` for those kept and zero for the others. Inference gives
    the expectation, `keep * activation(z)`. No gradient passes through `keep` in
    training.

    `keras.layers.Dropout` drops all units alike. Here dropout depends on the input:
    units that say little about an example are dropped, and those that stand out stay.

    The paper learns `keep` by a second network, and finds that it may as well share the
    weights of the layer, up to a scale and a shift. It applies these to the weights;
    here, as is usual, they apply to `z`.

    Args:
        units: Positive integer. Dimension of the output space.
        alpha: Float in `(-inf, inf)`, or a schedule of it. How much being driven
            counts; with 0 the layer drops all units alike. Defaults to `1.0`.
        beta: Float in `(-inf, inf)`, or a schedule of it. How likely all units are
            kept: -1, 0 and 1 are usual. Defaults to `0.0`.
        seed: Optional integer. Makes the sequence of masks reproducible on a given
            backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Dense`, such as `activation`.

    Call arguments:
        inputs: Float tensor of shape `(..., features)`.
        training: Boolean. Whether to drop. Defaults to `False`.

    Returns:
        Tensor of shape `(..., units)` and of the layer's compute dtype.

    Raises:
        ValueError: If `alpha` or `beta` is not a number.

    Example:

    >>> layer = kdl.layers.Standout(8, alpha=1.0, beta=0.0, activation="relu")
    >>> outputs = layer(keras.ops.ones((2, 4)), training=True)

    References:
        - [Ba and Frey, 2013](
          https://papers.nips.cc/paper/5032-adaptive-dropout-for-training-deep-neural-networks)
    """

    def __init__(
        self,
        units: int,
        alpha: FloatOrSchedule = 1.0,
        beta: FloatOrSchedule = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(check_integer("units", units, "[1, inf)"), **kwargs)
        self.alpha = number("alpha", alpha, "(-inf, inf)")
        self.beta = number("beta", beta, "(-inf, inf)")
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        alpha, beta = (now(x, training) for x in (self.alpha, self.beta))
        z = ops.matmul(inputs, self.kernel)
        if self.use_bias:
            z = ops.add(z, self.bias)
        outputs = self.activation(z)
        # In float32: bfloat16 has too few numbers in [0, 1) for most probabilities.
        keep = ops.sigmoid(alpha * ops.cast(z, "float32") + beta)
        if not training:
            return outputs * ops.cast(keep, outputs.dtype)
        drawn = keras.random.uniform(
            ops.shape(z), dtype="float32", seed=self.seed_generator
        )
        return ops.where(drawn < keep, outputs, 0)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha": keras.saving.serialize_keras_object(self.alpha),
            "beta": keras.saving.serialize_keras_object(self.beta),
            "seed": self.seed,
        }
