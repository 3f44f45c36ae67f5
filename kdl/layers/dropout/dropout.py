"""Dropout."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_optional, check_seed
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class Dropout(keras.layers.Dropout):
    """Keras's `Dropout` with a rate that may follow a schedule.

    Each training call sets every unit to zero with probability `rate` and divides the
    rest by `1 - rate`, so that a unit keeps its expected value:

        outputs = where(u < 1 - rate, inputs / (1 - rate), 0),  u uniform in [0, 1)

    The rate of Keras's layer is compiled into the training step, where setting it has
    no effect on JAX and TensorFlow. At a constant rate the two layers are the same.
    A rate that rises as the network begins to overfit costs less at the start, where
    dropout only slows training down; one that falls helps a network that underfits.

    Args:
        rate: Float in `[0, 1)`, or a schedule of it. Probability that a unit is
            dropped. 0.2 to 0.5 between dense layers.
        noise_shape: Optional sequence of integers or `None`, one per axis of the
            inputs: the shape of the mask, which is broadcast where it is 1. Defaults
            to `None`, the shape of the inputs.
        seed: Optional integer. Makes the sequence of masks reproducible on a given
            backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of any shape.
        training: Boolean. Whether to drop units. Defaults to `False`.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype.

    Raises:
        ValueError: If `rate` is outside its interval.

    Example:

    >>> rate = keras.optimizers.schedules.PolynomialDecay(0.5, 1000, 0.0)
    >>> layer = kdl.layers.Dropout(rate)

    References:
        - [Srivastava et al., 2014](https://jmlr.org/papers/v15/srivastava14a.html)
        - [Morerio et al., 2017](https://arxiv.org/abs/1703.06229), a rising rate
        - [Liu et al., 2023](https://arxiv.org/abs/2303.01500), a falling rate
    """

    def __init__(
        self,
        rate: FloatOrSchedule,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Keras makes a generator of seeds for a rate above zero only.
        super().__init__(0.5, _checked(noise_shape), check_seed("seed", seed), **kwargs)
        self.rate = number("rate", rate, "[0, 1)")

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        rate = now(self.rate, training)
        if not training:
            return inputs
        return drop(inputs, rate, self.seed_generator, self.noise_shape)

    def get_config(self) -> dict[str, Any]:
        rate = keras.saving.serialize_keras_object(self.rate)
        return {**super().get_config(), "rate": rate}


def _checked(noise_shape):
    """Returns a shape of integers and `None` as a tuple, or `None`."""
    if noise_shape is None:
        return None
    if not isinstance(noise_shape, (list, tuple)):
        raise ValueError(
            "`noise_shape` must be None, or a sequence of integers in [1, inf) and of "
            f"None. Received: noise_shape={noise_shape!r}"
        )
    return tuple(
        check_optional(check_integer, "noise_shape", size, "[1, inf)")
        for size in noise_shape
    )


def drop(inputs, rate, seed, noise_shape=None):
    """Drops entries of a tensor, at a rate that is a float or a scalar tensor."""
    if isinstance(rate, float):
        return keras.random.dropout(inputs, rate, noise_shape, seed)
    shape = ops.shape(inputs)
    if noise_shape is not None:
        pairs = zip(noise_shape, shape, strict=True)
        shape = [size if fixed is None else fixed for fixed, size in pairs]
    keep = 1 - rate
    # In float32: bfloat16 has too few numbers in [0, 1) for most rates.
    kept = keras.random.uniform(shape, dtype="float32", seed=seed) < keep
    return ops.where(kept, inputs / ops.cast(keep, inputs.dtype), 0)
