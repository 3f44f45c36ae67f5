"""Corruption of inputs, for denoising."""

from typing import Any, Literal

import keras
from keras import ops

from kdl.checks import check_choice, check_seed
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Shape, Tensor

KINDS = {
    "gaussian": "[0, inf)",
    "masking": "[0, 1]",
    "salt_and_pepper": "[0, 1]",
}


@keras.saving.register_keras_serializable(package="kdl")
class Corruption(keras.layers.Layer):
    """Corrupts inputs in training, so that a model learns to restore them.

    `kind` says how each number of the inputs is changed, by itself:

    - `"gaussian"`: a normal number of standard deviation `amount` is added.
    - `"masking"`: it becomes 0, with the probability `amount`. Unlike dropout, the
      others keep their values.
    - `"salt_and_pepper"`: it becomes 0 or 1, with the probability `amount` and at even
      odds.

    Keras has the first one as `GaussianNoise`, with a deviation that no schedule
    changes.

    At inference nothing changes.

    Args:
        kind: String, `"gaussian"`, `"masking"` or `"salt_and_pepper"`. Defaults to
            `"gaussian"`.
        amount: Float in `[0, inf)` for `"gaussian"`, in the unit of the inputs, and in
            `[0, 1]` for the others; or a schedule of it. Defaults to `0.3`.
        seed: Optional integer. Makes the sequence of draws reproducible on a given
            backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        inputs: Float tensor of any shape.
        training: Boolean. Whether to corrupt. Defaults to `False`.

    Returns:
        Tensor of the shape of the inputs and of the layer's compute dtype.

    Raises:
        ValueError: If an argument is outside its choices or its interval.

    Example:

    >>> model = keras.Sequential([kdl.layers.Corruption("masking", 0.5), model])
    >>> noisy = kdl.layers.Corruption("gaussian", 0.1)(x, training=True)

    References:
        - [Vincent et al., 2010](https://jmlr.org/papers/v11/vincent10a.html)
    """

    def __init__(
        self,
        kind: Literal["gaussian", "masking", "salt_and_pepper"] = "gaussian",
        amount: FloatOrSchedule = 0.3,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kind = check_choice("kind", kind, tuple(KINDS))
        self.amount = number("amount", amount, KINDS[kind])
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        amount = now(self.amount, training)
        if not training:
            return inputs
        shape, seed = ops.shape(inputs), self.seed_generator
        if self.kind == "gaussian":
            noise = keras.random.normal(shape, dtype=inputs.dtype, seed=seed)
            return inputs + ops.cast(amount, inputs.dtype) * noise
        # In float32: bfloat16 has too few numbers in [0, 1) for most amounts.
        drawn = keras.random.uniform(shape, dtype="float32", seed=seed)
        is_kept = drawn >= amount
        if self.kind == "masking":
            return ops.where(is_kept, inputs, 0)
        # Of those that are drawn, the lower half become 1.
        return ops.where(is_kept, inputs, ops.cast(drawn < amount / 2, inputs.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        amount = keras.saving.serialize_keras_object(self.amount)
        return {
            **super().get_config(),
            "kind": self.kind,
            "amount": amount,
            "seed": self.seed,
        }
