"""Scheduled sampling, set from outside."""

from collections.abc import Callable
from typing import Any, Literal

import keras

from kdl.callbacks.adjusting.adjust import Adjust
from kdl.callbacks.arguments import check_function, check_string
from kdl.checks import check_optional
from kdl.layers.clock import numbers_of
from kdl.schedules.number import check_values


class ScheduledSampling(Adjust):
    """Sets how often a decoder is shown the true tokens rather than its own.

    The number is the `epsilon` of the `kdl.models.Feeding` of a decoder or forecaster
    in the model. It must be marked as `kdl.schedules.Adjustable`, and is set as
    `kdl.callbacks.Adjust` sets numbers:

        schedule(epoch)          before each epoch, with by="epoch"
        schedule(batch)          before each training batch, with by="batch"
        schedule(value, logs)    after each epoch, with by="metrics"

    A decay that is known beforehand needs no callback: give the decoder the schedule.
    This is for one by epochs, or by what the metrics say, for instance as long as the
    validation gets better.

    Args:
        schedule: Function that returns the new value, in `[0, 1]`, such as a schedule
            of Keras's or `kdl.schedules.InverseSigmoidDecay`.
        by: `"epoch"`, `"batch"` or `"metrics"`. Defaults to `"epoch"`.
        name: Optional string. Name of the number, such as
            `"recurrent_decoder/epsilon"`, where a model has several decoders. Defaults
            to `None`, the only one.

    Raises:
        ValueError: If `by` is none of its values, if a schedule is outside `[0, 1]`, or
            if the model has no such number, or several.

    Example:

    >>> tokens = keras.Input((None,), dtype="int32")
    >>> epsilon = kdl.schedules.Adjustable(1.0)
    >>> decoder = kdl.models.RecurrentDecoder(
    ...     keras.layers.GRUCell(16), 10, 8, kdl.models.Feeding(epsilon)
    ... )
    >>> model = keras.Model(tokens, decoder(kdl.layers.Clock()(tokens)))
    >>> model.compile(
    ...     "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ... )
    >>> tokens = np.random.default_rng(0).integers(0, 10, (64, 5))
    >>> sampling = kdl.callbacks.ScheduledSampling(lambda epoch: 0.9**epoch)
    >>> history = model.fit(tokens, tokens, epochs=2, callbacks=[sampling])

    References:
        - [Bengio et al., 2015](https://arxiv.org/abs/1506.03099)
    """

    _argument = "schedule"

    def __init__(
        self,
        schedule: Callable[..., Any],
        by: Literal["epoch", "batch", "metrics"] = "epoch",
        name: str | None = None,
    ) -> None:
        check_function("schedule", schedule)
        name = check_optional(check_string, "name", name)
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            check_values("schedule", schedule, "[0, 1]")
        # Which of its numbers it is, a model tells if the user does not.
        super().__init__(name or "epsilon", schedule, by)
        self.schedule = schedule
        self.name = self._chosen = name

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.name = self._chosen or _name_in(self.model)
        super().on_train_begin(logs)


def _name_in(model):
    found = [
        name
        for name, number in numbers_of(model).items()
        if name.endswith("/epsilon") and number.is_adjustable
    ]
    if len(found) != 1:
        has = "none: give it a kdl.models.Feeding of kdl.schedules.Adjustable(1.0)"
        if found:
            has = f"several: {', '.join(found)}; say which by `name`"
        raise ValueError(
            f"The model {model.name!r} must have a decoder whose epsilon is "
            f"Adjustable. It has {has}."
        )
    return found[0]
