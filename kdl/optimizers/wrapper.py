"""Optimizers that contain another one."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kdl import private
from kdl.optimizers.tensors import assign, snapshot
from kdl.typing import Tensor


class Wrapper(keras.optimizers.Optimizer):
    """Is as the optimizer that it contains, with variables of its own besides.

    A subclass defines `apply`, which calls that of `inner_optimizer`: a subclass of
    Keras's optimizers loses, on PyTorch, the update of all variables at once.

    Args:
        inner_optimizer: `keras.optimizers.Optimizer` that has the `apply` that Keras
            gave it.
    """

    def __init__(self, inner_optimizer: keras.optimizers.Optimizer) -> None:
        super().__init__(
            learning_rate=1.0, loss_scale_factor=inner_optimizer.loss_scale_factor
        )
        # The inner optimizer has a counter and a rate, as Keras has just made them.
        for variable in super().variables:
            private.untrack_variable(self, variable)
        self.inner_optimizer = inner_optimizer

    def build(self, variables: Sequence[keras.Variable]) -> None:
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self) -> list[keras.Variable]:
        return [*super().variables, *self.inner_optimizer.variables]

    @property
    def learning_rate(self) -> Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self) -> Tensor:
        return self.inner_optimizer.iterations

    @property
    def loss_scale_factor(self) -> float | None:
        return self.inner_optimizer.loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor: float | None) -> None:
        # Keras's own constructor sets it, before there is an inner optimizer.
        if "inner_optimizer" in vars(self):
            self.inner_optimizer.loss_scale_factor = factor

    @property
    def _model_variables_moving_average(self):
        # `SwapEMAWeights` looks for it here if a `LossScaleOptimizer` is around.
        return self.inner_optimizer._model_variables_moving_average

    def scale_loss(self, loss: Tensor) -> Tensor:
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)
        if self.inner_optimizer.use_ema:
            # On JAX, a variable and its average now share one buffer, which a second
            # fit cannot give away twice.
            assign(var_list, snapshot(var_list))

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[keras.Variable] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def set_weights(self, weights: Sequence[Any]) -> None:
        own = len(super().variables)
        super().set_weights(weights[:own])
        self.inner_optimizer.set_weights(weights[own:])

    def save_own_variables(self, store: Any) -> None:
        # Keras saves the inner optimizer as a part of this one.
        for index, variable in enumerate(super().variables):
            store[str(index)] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        saved = store.keys()
        for index, variable in enumerate(super().variables):
            # Saved before it was built, it had no variables for those of the model.
            if str(index) in saved:
                variable.assign(store[str(index)])
