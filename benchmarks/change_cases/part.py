"""A number that may change, and what its changes are."""

import dataclasses
from collections.abc import Callable

import numpy as np
from keras import optimizers

from kdl.schedules import Adjustable

EPOCHS, BATCHES = 3, 6  # Of an epoch, since the first batch of one is a special case.
STEPS = EPOCHS * BATCHES
STEP, EPOCH = np.arange(STEPS), np.arange(STEPS) // BATCHES

# A number begins at START. A schedule takes it along RAMP. A callback sets it to a
# later value of RAMP, so that it never sets what the number began with.
START, END = 0.8, 0.2
RAMP = np.linspace(START, END, STEPS + 1)
SCHEDULE = optimizers.schedules.PolynomialDecay(START, STEPS, END)
FROZEN_AT_FIRST = (np.arange(STEPS + 1) > BATCHES).astype(float)


@dataclasses.dataclass
class Part:
    """A number of something, and a model whose losses give it away.

    Attributes:
        label: String. For the table.
        name: String. Name for `Adjust`.
        model: Function of the number and a `Run` that returns a compiled model.
        foretell: Function of the number at each step that returns what is read.
        read: Function of the model and its losses that returns what is read.
        held: What a callback is to change: `"Adjustable"`, `"float"`, `"schedule"`, or
            `"both"`, an `Adjustable` with a schedule.
        size: Integer. Number of features of the data.
        tolerance: Float. Relative.
        ramp: The number at each step, and beyond.
        schedule: The same as a schedule.
        change: What a callback makes of the number after an epoch.
        lacks: Names of the `WAYS` that have no meaning for it.
        counts_updates: Boolean. Whether its steps are those of the optimizer, of which
            one may follow several batches.
    """

    label: str
    name: str
    model: Callable
    foretell: Callable = lambda values: values
    read: Callable = lambda model, losses: losses
    held: str = "Adjustable"
    size: int = 1
    tolerance: float = 1e-3
    ramp: np.ndarray = dataclasses.field(default_factory=lambda: RAMP)
    schedule: optimizers.schedules.LearningRateSchedule = SCHEDULE
    change: Callable = lambda value: value / 2
    lacks: tuple = ()
    counts_updates: bool = False

    def number(self):
        """The number, as a callback is to change it."""
        return {
            "Adjustable": Adjustable(float(self.ramp[0])),
            "float": float(self.ramp[0]),
            "schedule": self.schedule,
            "both": Adjustable(schedule=self.schedule),
        }[self.held]

    @property
    def start(self):
        """What a callback finds."""
        return self.ramp[0] if self.held in ("Adjustable", "float") else 1.0

    @property
    def factor(self):
        """What that is multiplied by at each step."""
        alone = self.held in ("Adjustable", "float")
        return np.ones(STEPS) if alone else self.ramp[:STEPS]
