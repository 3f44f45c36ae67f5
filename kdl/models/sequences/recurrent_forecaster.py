"""A recurrent forecaster with scheduled sampling."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl.checks import check_integer, check_seed
from kdl.layers.sublayers import freeze_parts
from kdl.models.sequences.feedback import (
    as_cell,
    layer_of,
    masks_of_dropout,
    states_of,
    unroll,
)
from kdl.models.sequences.feeding import Fed, Feeding
from kdl.models.sequences.shift_right import ShiftRight
from kdl.schedules import now
from kdl.typing import Shape, Tensor


@keras.saving.register_keras_serializable(package="kdl")
class RecurrentForecaster(Fed, keras.layers.Layer):
    """Predicts each step of a series from those before it, or from its own predictions.

    A step is a vector of numbers. The cell is fed the true last step, with probability
    `epsilon`, or the prediction of it that it has made itself:

        fed[t] = targets[t - 1] if coin[t] else outputs[t - 1]
        hidden[t] = cell(fed[t], hidden[t - 1])
        outputs[t] = hidden[t] @ kernel + bias

    The coins are drawn for each step and example. Where it does not train, it is fed
    either its own predictions alone, as in use, where `targets` tell nothing but the
    number of steps, or the true steps. It is `kdl.models.RecurrentDecoder` for numbers
    in the place of tokens, and what is said there of `epsilon` holds here.

    As with tokens, no gradient passes through what is fed back: it is an input, as data
    are.

    Args:
        cell: Recurrent cell of Keras, or a list of them, such as
            `keras.layers.GRUCell(64)`.
        features: Integer in `[1, inf)`. Numbers in a step.
        feeding: Optional `kdl.models.Feeding`. What it is fed, in training and
            otherwise. Defaults to `None`, the true steps.
        seed: Optional integer. Makes the sequence of coins reproducible on a given
            backend. Defaults to `None`.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.

    Call arguments:
        targets: Float tensor of shape `(batch, length, features)`. Steps to predict.
        first: Optional float tensor of shape `(batch, features)`. What comes before the
            first step, such as the last one that is known. Defaults to `None`, zeros.
        initial_state: Optional state of the cell before the first step, a tensor or a
            list as the cell has it, such as that of an encoder. Defaults to `None`,
            zeros.
        training: Boolean. Whether to draw coins. Defaults to `False`.

    Returns:
        Tensor of the shape of `targets`, the predictions, of the layer's compute dtype.

    Raises:
        ValueError: If an argument is outside its interval, or if the cell is none.

    Example:

    >>> history, future = keras.Input((20, 1)), keras.Input((10, 1))
    >>> state = keras.layers.GRU(8)(history)
    >>> forecaster = kdl.models.RecurrentForecaster(keras.layers.GRUCell(8), 1)
    >>> outputs = forecaster(future, first=history[:, -1], initial_state=state)
    >>> model = keras.Model([history, future], outputs)

    References:
        - [Bengio et al., 2015](https://arxiv.org/abs/1506.03099)
        - [Venkatraman et al., 2015](https://doi.org/10.1609/aaai.v29i1.9590), who take
          own predictions for data
    """

    def __init__(
        self,
        cell: keras.Layer | Sequence[keras.Layer],
        features: int,
        feeding: Feeding | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cell = as_cell(cell, self.dtype_policy)
        self.features = check_integer("features", features, "[1, inf)")
        self.be_fed(feeding)
        self.seed = check_seed("seed", seed)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.input_spec = keras.InputSpec(ndim=3)

    def build(self, targets_shape: Shape) -> None:
        self._rnn = layer_of(self.cell, self.dtype_policy)
        self._rnn.build((None, None, self.features))
        units = self.cell.output_size
        self.head = keras.layers.Dense(
            self.features, dtype=self.dtype_policy, name="head"
        )
        self.head.build((None, units))
        if self.professor is not None and not self.professor.built:
            self.professor.build((None, None, units))
        self.input_spec = keras.InputSpec(ndim=3, axes={-1: self.features})
        freeze_parts(self)

    def call(
        self,
        targets: Tensor,
        first: Tensor | None = None,
        initial_state: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        if targets.shape[1] == 0:
            return targets
        if first is None:
            first = ops.zeros_like(targets[:, 0])
        true = ShiftRight()(targets, first)
        states = states_of(self.cell, initial_state, ops.shape(targets)[0])
        if training:
            coins = None if self.epsilon == 0 else self._coins(targets)
            is_forced = self.epsilon == 1.0
        else:
            coins, is_forced = None, self.evaluation == "teacher_forcing"
        if is_forced:
            hidden = self._rnn(true, initial_state=states, training=training)
        else:
            hidden = self._mixed(true, coins, states, training)
        if training and self.professor is not None:
            own = self._mixed(true, None, states, training)
            self.professor(hidden, own, training=training)
        return self.head(hidden)

    def compute_output_shape(
        self, targets_shape: Shape, *args: Any, **kwargs: Any
    ) -> Shape:
        return targets_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "features": self.features,
            "feeding": keras.saving.serialize_keras_object(self.feeding),
            "seed": self.seed,
        }

    def _coins(self, targets):
        # In float32 whatever the dtype: bfloat16 knows 129 numbers from 1/2 to 1.
        uniform = keras.random.uniform(
            (*ops.shape(targets)[:2], 1), dtype="float32", seed=self.seed_generator
        )
        return uniform < now(self.epsilon)

    def _mixed(self, true, coins, states, training):
        def predict(hidden, _):
            return ops.stop_gradient(self.head(hidden))

        first = true[:, 0]
        with masks_of_dropout(self._rnn, first, states, training):
            return unroll(
                self.cell,
                states,
                first,
                true,
                coins,
                embed=lambda fed: fed,
                predict=predict,
                training=training,
            )
