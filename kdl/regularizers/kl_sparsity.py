"""Sparsity of activations."""

from typing import Any

import keras
from keras import ops

from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class KLSparsity(keras.regularizers.Regularizer):
    """Draws the mean activation of each unit to a small target.

    With `m_j` the mean activation of unit `j` over the batch and over positions, the
    penalty is

        strength * sum(t * log(t / m_j) + (1 - t) * log((1 - t) / (1 - m_j)))

    which is the Kullback-Leibler divergence of Bernoulli variables of means `t`, the
    target, and `m_j`. A sparse autoencoder has it on its code: every unit is active on
    some examples, and on few.

    `keras.regularizers.L1` draws every activation to zero, also those of a unit that
    is never active. Here units are drawn from zero as well.

    It is an `activity_regularizer`. Keras divides what such a one returns by the batch
    size, which suits a sum over examples. This is a sum over units, so that it is
    multiplied by the batch size beforehand: `model.losses` has it as above.

    Args:
        target: Float in `(0, 1)`, or a schedule of it. Mean activation that costs
            nothing; 0.01 to 0.1 is usual. Defaults to `0.05`.
        strength: Float in `[0, inf)`, or a schedule of it. Factor of the penalty.
            Defaults to `0.01`.

    Call arguments:
        x: Float tensor of shape `(batch, ..., units)`, of activations in `[0, 1]`, such
            as those of a sigmoid. Means are kept within `[1e-7, 1 - 1e-7]`, Keras's
            epsilon: a unit beyond has a finite penalty, but no gradient. Masked
            positions count like others.

    Returns:
        Scalar tensor: the penalty, times the batch size. It is in float32 also for
        activations in half precision, which the batch size would take it out of.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> regularizer = kdl.regularizers.KLSparsity(target=0.05, strength=0.1)
    >>> code = keras.layers.Dense(32, "sigmoid", activity_regularizer=regularizer)

    References:
        - [Ng, 2011](https://web.stanford.edu/class/cs294a/sparseAutoencoder.pdf)
        - [Lee, Ekanadham and Ng, 2007](
          https://papers.nips.cc/paper/3313-sparse-deep-belief-net-model-for-visual-area-v2),
          of the target
    """

    def __init__(
        self, target: FloatOrSchedule = 0.05, strength: FloatOrSchedule = 0.01
    ) -> None:
        self.target = number("target", target, "(0, 1)")
        self.strength = number("strength", strength, "[0, inf)")

    def __call__(self, x: Tensor) -> Tensor:
        x = ops.convert_to_tensor(x)
        # In float32 at least: half precision has nothing between 1 - epsilon and 1.
        dtype = keras.backend.result_type(x.dtype, "float32")
        epsilon = keras.config.epsilon()
        means = ops.mean(ops.cast(x, dtype), axis=tuple(range(len(x.shape) - 1)))
        means = ops.clip(means, epsilon, 1 - epsilon)
        target = ops.convert_to_tensor(now(self.target, dtype=dtype), dtype)
        divergence = ops.sum(
            target * (ops.log(target) - ops.log(means))
            + (1 - target) * (ops.log1p(-target) - ops.log1p(-means))
        )
        batch = ops.cast(ops.shape(x)[0], dtype)
        return batch * now(self.strength, dtype=dtype) * divergence

    def get_config(self) -> dict[str, Any]:
        return {
            "target": keras.saving.serialize_keras_object(self.target),
            "strength": keras.saving.serialize_keras_object(self.strength),
        }
