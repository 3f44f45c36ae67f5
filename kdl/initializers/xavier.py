"""Xavier initialization."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from numpy.typing import DTypeLike

from kdl.checks import check_axis, check_choice, check_number, check_seed_or_generator
from kdl.initializers.gain import NONLINEARITIES, draw, gain_of
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Xavier(keras.initializers.VarianceScaling):
    """Draws weights of variance `2 * gain ** 2 / (fan_in + fan_out)`.

    It lies between the variance that keeps the outputs and the one that keeps the
    gradients, and is `torch.nn.init.xavier_uniform_` and `xavier_normal_`.

    Keras's `GlorotUniform` has a gain of one, which lets the signal fade through
    layers of tanh; `GlorotNormal` also cuts its normal distribution at two standard
    deviations.

    Args:
        gain: Float in `(0, inf)`, or one of `"linear"`, `"sigmoid"`, `"tanh"`,
            `"relu"`, `"leaky_relu"`, `"selu"`, for the gain that `Kaiming` lists. The
            slope of `"leaky_relu"` is then 0.01. Defaults to `1.0`.
        distribution: `"uniform"` or `"normal"`. Defaults to `"uniform"`.
        seed: Optional integer or `keras.random.SeedGenerator`. Makes the values
            reproducible on a given backend. Defaults to `None`.
        input_axes: Optional list of integers. Axes of the weight that are inputs.
            `EinsumDense` sets it. Defaults to `None`, as in a `Dense` layer or a
            convolution.
        output_axes: Optional list of integers. Axes of the weight that are outputs.
            Defaults to `None`, likewise.

    Call arguments:
        shape: Tuple of integers. Shape of the weight.
        dtype: Optional dtype. Defaults to `None`, that of Keras.

    Returns:
        Tensor of that shape and dtype.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> initializer = kdl.initializers.Xavier("tanh")
    >>> layer = keras.layers.Dense(8, "tanh", kernel_initializer=initializer)

    References:
        - [Glorot and Bengio, 2010](https://proceedings.mlr.press/v9/glorot10a.html)
    """

    def __init__(
        self,
        gain: float
        | Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"] = 1.0,
        distribution: Literal["uniform", "normal"] = "uniform",
        seed: int | keras.random.SeedGenerator | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        if isinstance(gain, str):
            self.gain = check_choice("gain", gain, NONLINEARITIES)
            scale = gain_of(self.gain) ** 2
        else:
            self.gain = check_number("gain", gain, "(0, inf)")
            scale = self.gain**2
        rest = (
            check_seed_or_generator("seed", seed),
            check_axis("input_axes", input_axes),
            check_axis("output_axes", output_axes),
        )
        distribution = check_choice("distribution", distribution, ("uniform", "normal"))
        super().__init__(scale, "fan_avg", distribution, *rest)
        # Keras has made a truncated normal of a normal.
        self.distribution = distribution

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
        return draw(self, shape, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["scale"], config["mode"]
        return {**config, "gain": self.gain}
