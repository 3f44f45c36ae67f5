"""Professor forcing."""

from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_number
from kdl.layers.sublayers import call_frozen, freeze_parts
from kdl.schedules import now, number
from kdl.typing import FloatOrSchedule, Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class ProfessorForcing(keras.layers.Layer):
    """Has a network behave alike on true tokens and on its own.

    A discriminator reads the features of a sequence, step by step, and tells whether
    the decoder was fed the true tokens or its own. With `D` the probability that it
    gives to the former, the loss grows by

        -mean(log D(forced)) - mean(log(1 - D(own)))    for the discriminator alone
        -weight * mean(log D(own))                      for the decoder alone

    so that the decoder learns features on its own tokens that look like those on true
    ones. As in the paper, the first counts only while the discriminator is right in
    less than `discriminator_gate` of the batch, and the second only while it is in more
    than `generator_gate`: before, what it says is noise.

    A decoder gets it in its `kdl.models.Feeding`, and then runs twice in training. The
    two are kept apart in one step: the discriminator sees features through which no
    gradient passes, and the decoder a discriminator whose weights are constants. So
    `fit` and any optimizer serve, and no training step of its own.

    The discriminator is a bidirectional `GRU` of `units` and a hidden layer. The paper
    shows it the outputs as well, and names a third term, that makes features on true
    tokens look like those on its own; here are neither. In a `TransformerDecoder`,
    which has no features of steps one after the other, those of its second pass stand
    for those on its own tokens.

    Args:
        units: Integer in `[1, inf)`. Of the discriminator. Defaults to `64`.
        weight: Float in `[0, inf)`, or a schedule of it. Defaults to `1.0`; 0.1 to 1
            where the decoder's own loss is small.
        discriminator_gate: Float in `[0, 1]`. Defaults to the paper's `0.99`.
        generator_gate: Float in `[0, 1]`. Defaults to the paper's `0.75`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        forced: Float tensor of shape `(batch, length, features)`. Features on true
            tokens.
        own: The same on its own.
        mask: Optional boolean tensor of shape `(batch, length)`. False where a step
            does not count. Defaults to `None`.
        training: Boolean. Whether to add to the loss. Defaults to `False`.

    Attributes:
        accuracy: Scalar variable. Share of the last batch in which the discriminator
            was right.

    Returns:
        `own`, as it is.

    Raises:
        ValueError: If an argument is outside its interval.

    Example:

    >>> feeding = kdl.models.Feeding(professor=kdl.models.ProfessorForcing(8))
    >>> decoder = kdl.models.RecurrentDecoder(
    ...     keras.layers.GRUCell(8), 10, 4, feeding
    ... )

    References:
        - [Lamb et al., 2016](https://arxiv.org/abs/1610.09038)
    """

    def __init__(
        self,
        units: int = 64,
        weight: FloatOrSchedule = 1.0,
        discriminator_gate: float = 0.99,
        generator_gate: float = 0.75,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = check_integer("units", units, "[1, inf)")
        self.weight = number("weight", weight, "[0, inf)")
        self.discriminator_gate = check_number(
            "discriminator_gate", discriminator_gate, "[0, 1]"
        )
        self.generator_gate = check_number("generator_gate", generator_gate, "[0, 1]")
        self.supports_masking = True

    def build(self, forced_shape: Shape, own_shape: Shape | None = None) -> None:
        dtype = self.dtype_policy
        gru = keras.layers.GRU(self.units, dtype=dtype)
        self.discriminator = keras.Sequential(
            [
                keras.layers.Bidirectional(gru, dtype=dtype),
                keras.layers.Dense(self.units, activation="relu", dtype=dtype),
                keras.layers.Dense(1, dtype=dtype),
            ],
            name="discriminator",
        )
        self.discriminator.supports_masking = True
        self.discriminator.build((None, None, forced_shape[-1]))
        self.accuracy = self.add_weight(
            shape=(),
            initializer="zeros",
            trainable=False,
            autocast=False,
            name="accuracy",
        )
        freeze_parts(self)

    def call(
        self,
        forced: Tensor,
        own: Tensor,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        if not training:
            return own
        is_forced = self._read(ops.stop_gradient(forced), mask)
        is_own = self._read(ops.stop_gradient(own), mask)
        right = ops.mean(ops.cast(is_forced > 0, "float32"))
        accuracy = (right + ops.mean(ops.cast(is_own < 0, "float32"))) / 2
        if self.trainable:
            self.accuracy.assign(accuracy)
        found_out = ops.mean(ops.softplus(-is_forced)) + ops.mean(ops.softplus(is_own))
        fooled = ops.mean(ops.softplus(-self._read(own, mask, is_frozen=True)))
        learns = ops.cast(accuracy < self.discriminator_gate, "float32")
        teaches = ops.cast(accuracy > self.generator_gate, "float32")
        self.add_loss(learns * found_out + now(self.weight) * teaches * fooled)
        return own

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "weight": keras.saving.serialize_keras_object(self.weight),
            "discriminator_gate": self.discriminator_gate,
            "generator_gate": self.generator_gate,
        }

    def _read(self, features, mask, is_frozen=False):
        """Logits that features are of true tokens; frozen, by constant weights."""
        judge = self.discriminator
        logits = (
            call_frozen(judge, features, mask=mask)
            if is_frozen
            else judge(features, mask=mask)
        )
        return ops.cast(logits, "float32")


def as_professor(professor):
    """Returns an argument `professor`, also from a config, provided it is one."""
    if isinstance(professor, dict) and professor:
        professor = keras.saving.deserialize_keras_object(professor)
    if professor is not None and not isinstance(professor, ProfessorForcing):
        raise ValueError(
            "`professor` must be a kdl.models.ProfessorForcing, or None. Received: "
            f"professor={professor!r}"
        )
    return professor
