"""Layers that thaw one after the other."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from kdl import private
from kdl.callbacks.adjusting.adjust import AdjustableNumber
from kdl.callbacks.arguments import check_string
from kdl.checks import check_boolean, check_integer, check_number
from kdl.optimizers.arguments import matches
from kdl.schedules import Adjustable
from kdl.typing import FloatOrSchedule


class GradualUnfreezing(keras.callbacks.Callback):
    """Thaws groups of layers one after the other, each at a rate of its own.

    The n-th group, counted from zero, is frozen for `n * every` epochs. Then it learns
    at

        learning_rate / decay ** n

    so that a model is tuned from its head down, and what a layer near the input has
    learned elsewhere is changed last and least.

    Keras compiles `layer.trainable` into the training step: set during a fit, it is
    ignored on TensorFlow and an error on JAX. Here the groups are multipliers of a
    `kdl.optimizers.ControlledOptimizer`, and nothing is compiled again. A frozen
    variable keeps its value, bit by bit, and so does the optimizer's moving average
    of it. Its gradient is computed all the same: a thaw costs nothing, and being frozen
    saves nothing. What is never to thaw is cheaper as `layer.trainable = False`, before
    `compile`.

    Batch normalization in a frozen group goes on normalizing by the statistics of the
    batch. Its moving averages, which validation uses, follow only if
    `freeze_statistics` is `False`.

    The multipliers keep their last values after the fit, as a learning rate does. In a
    fit that `kdl.callbacks.Resume` may take up, give it to that one as well.

    Args:
        groups: List of strings, in the order in which they thaw. Each is a regular
            expression for the whole `path` of variables, such as `"head/.*"`; the
            first that matches counts. What none matches is not frozen at all.
        every: Integer in `[1, inf)`. Epochs from one thaw to the next. Defaults to
            `1`.
        decay: Float in `[1, inf)`. By how much the rate falls from one group to the
            next. Defaults to `2.6`, that of the paper; `1.0` for one rate.
        freeze_statistics: Boolean. Whether batch normalization keeps its moving
            averages as long as its group is frozen. Defaults to `True`.

    Attributes:
        multipliers: Dict. What the `ControlledOptimizer` is to be made with.

    Raises:
        ValueError: If an argument is not as described, or if the optimizer of the
            model has no such multipliers.

    Example:

    >>> unfreezing = kdl.callbacks.GradualUnfreezing([".*bias", ".*kernel"], every=2)
    >>> optimizer = kdl.optimizers.ControlledOptimizer(
    ...     keras.optimizers.Adam(1e-3), unfreezing.multipliers
    ... )
    >>> model.compile(optimizer, model.loss)
    >>> history = model.fit(x, y, epochs=3, callbacks=[unfreezing])

    References:
        - [Howard and Ruder, 2018](https://arxiv.org/abs/1801.06146), sections 3.2
          and 3.3
    """

    def __init__(
        self,
        groups: Sequence[str],
        every: int = 1,
        decay: float = 2.6,
        freeze_statistics: bool = True,
    ) -> None:
        super().__init__()
        self.groups = _check_groups(groups)
        self.every = check_integer("every", every, "[1, inf)")
        self.decay = check_number("decay", decay, "[1, inf)")
        self.freeze_statistics = check_boolean("freeze_statistics", freeze_statistics)
        self._frozen = []  # Pairs of a moving average and its value while frozen.

    @property
    def multipliers(self) -> dict[str, FloatOrSchedule]:
        return {
            group: Adjustable(self.decay**-n) for n, group in enumerate(self.groups)
        }

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._frozen, self._epoch, self._saved = [], None, {}
        model = self.model
        self._numbers = [
            AdjustableNumber(model, f"multiplier/{group}") for group in self.groups
        ]
        self._statistics = [[] for _ in self.groups]
        for layer in private.layers_of(model) if self.freeze_statistics else ():
            if isinstance(layer, keras.layers.BatchNormalization):
                self._add(layer, model.name)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._frozen, self._epoch = [], epoch
        for n, number in enumerate(self._numbers):
            frozen = epoch < n * self.every
            number.assign(0.0 if frozen else self.decay**-n)
            if frozen:
                self._frozen += [
                    (variable, keras.ops.convert_to_numpy(variable))
                    for variable in self._statistics[n]
                ]

        # Within the epoch, those of a fit that goes on have moved.
        if self._saved.get("epoch") == epoch:
            variables = [variable for variable, _ in self._frozen]
            self._frozen = list(zip(variables, self._saved["frozen"], strict=True))

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        # Training never reads them, so that this is as if they had not been touched.
        self._restore()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._restore()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._numbers = self._statistics = None

    def get_state(self) -> dict[str, Any]:
        """Returns the moving averages that are kept, for `kdl.callbacks.Resume`."""
        return {"epoch": self._epoch, "frozen": [value for _, value in self._frozen]}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `get_state` returned."""
        self._saved = state

    def _add(self, layer, model):
        """Notes the moving averages of a layer with the group that it is in."""
        paths = [variable.path for variable in layer.weights]
        # Without the name of a Sequential model once that was loaded.
        paths += [f"{model}/{path}" for path in paths]
        for group, statistics in zip(self.groups, self._statistics, strict=True):
            if any(matches(group, path) for path in paths):
                statistics += [layer.moving_mean, layer.moving_variance]
                return

    def _restore(self):
        for variable, value in self._frozen:
            variable.assign(value)


def _check_groups(groups):
    if not isinstance(groups, (list, tuple)) or not groups:
        raise ValueError(
            "`groups` must be a list of one or more regular expressions. "
            f"Received: groups={groups!r}"
        )
    for group in groups:
        try:
            re.compile(check_string("groups", group))
        except (ValueError, re.error):
            raise ValueError(
                f"`groups` must hold regular expressions. Received: {group!r}"
            ) from None
    if len(set(groups)) < len(groups):
        raise ValueError(f"`groups` must differ. Received: groups={groups!r}")
    return list(groups)
