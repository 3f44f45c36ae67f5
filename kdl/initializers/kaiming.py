"""Kaiming initialization."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
from numpy.typing import DTypeLike

from kdl.checks import check_axis, check_choice, check_number, check_seed_or_generator
from kdl.initializers.gain import NONLINEARITIES, draw, gain_of
from kdl.typing import Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Kaiming(keras.initializers.VarianceScaling):
    """Draws weights of variance `gain ** 2 / fan`, for the nonlinearity that follows.

    With the gain of its nonlinearity, a layer neither shrinks nor magnifies what
    passes through it, forward with `fan_in` and backward with `fan_out`:

        linear, sigmoid   1
        tanh              5 / 3
        relu              sqrt(2)
        leaky_relu        sqrt(2 / (1 + a ** 2))
        selu              3 / 4

    The gains are those of `torch.nn.init.calculate_gain`, and the draws those of
    `torch.nn.init.kaiming_normal_` and `kaiming_uniform_`. Keras's `HeNormal` and
    `HeUniform` know the gain of ReLU and `fan_in` only, and `HeNormal` draws from a
    normal distribution cut at two standard deviations. For a self-normalizing network
    with SELU, choose `"linear"`, which is Keras's `LecunNormal` without the cut.

    The layers of PyTorch are often said to start from He's values. They start from
    U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), a sixth of He's variance, which is
    `Kaiming("leaky_relu", a=5**0.5, distribution="uniform")`.

    Args:
        nonlinearity: One of `"linear"`, `"sigmoid"`, `"tanh"`, `"relu"`,
            `"leaky_relu"`, `"selu"`. What follows the layer. Defaults to `"relu"`.
        a: Float in `(-inf, inf)`. Slope of `"leaky_relu"` below zero: `0.2` of Keras's
            activation of that name, `0.3` of its layer and `0.01` of PyTorch's.
            Defaults to `0.0`, the only value that goes with another nonlinearity.
        mode: `"fan_in"` or `"fan_out"`. Whether to keep the variance of the outputs,
            or that of the gradients. Defaults to `"fan_in"`.
        distribution: `"normal"` or `"uniform"`. Defaults to `"normal"`.
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
        ValueError: If an argument is outside its interval, or if `a` would be ignored.

    Example:

    >>> initializer = kdl.initializers.Kaiming("leaky_relu", a=0.2)
    >>> layer = keras.layers.Dense(8, "leaky_relu", kernel_initializer=initializer)

    References:
        - [He et al., 2015](https://arxiv.org/abs/1502.01852)
    """

    def __init__(
        self,
        nonlinearity: Literal[
            "linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"
        ] = "relu",
        a: float = 0.0,
        mode: Literal["fan_in", "fan_out"] = "fan_in",
        distribution: Literal["normal", "uniform"] = "normal",
        seed: int | keras.random.SeedGenerator | None = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        self.nonlinearity = check_choice("nonlinearity", nonlinearity, NONLINEARITIES)
        self.a = check_number("a", a, "(-inf, inf)")
        if self.a != 0 and self.nonlinearity != "leaky_relu":
            raise ValueError(
                "`a` must be 0 unless the nonlinearity is 'leaky_relu'. "
                f"Received: a={a!r}, nonlinearity={nonlinearity!r}"
            )
        mode = check_choice("mode", mode, ("fan_in", "fan_out"))
        rest = (
            check_seed_or_generator("seed", seed),
            check_axis("input_axes", input_axes),
            check_axis("output_axes", output_axes),
        )
        distribution = check_choice("distribution", distribution, ("normal", "uniform"))
        scale = gain_of(self.nonlinearity, self.a) ** 2
        super().__init__(scale, mode, distribution, *rest)
        # Keras has made a truncated normal of a normal.
        self.distribution = distribution

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> Tensor:
        return draw(self, shape, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["scale"]
        return {**config, "nonlinearity": self.nonlinearity, "a": self.a}
