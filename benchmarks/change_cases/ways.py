"""Ways to change a number, and to run a model whose number changes.

A way is a function of a `Part` that returns a callback, and what that sets at each
step.
"""

import numpy as np

from change_cases.models import Run
from change_cases.part import BATCHES, EPOCH, EPOCHS, STEPS
from kdl.callbacks import Adjust, ReduceOnPlateau
from kdl.layers import Clock


def by_schedule(part):
    return None, part.ramp[:STEPS]


def by_epoch(part):
    callback = Adjust(part.name, lambda epoch: part.ramp[BATCHES * (epoch + 1)])
    return callback, part.ramp[BATCHES * (EPOCH + 1)]


def by_batch(part):
    callback = Adjust(part.name, lambda batch: part.ramp[batch + 1], "batch")
    return callback, part.ramp[1:]


def by_metrics(part):
    callback = Adjust(part.name, lambda value, logs: part.change(value), "metrics")
    values = [part.start]
    while len(values) < EPOCHS:
        values.append(part.change(values[-1]))
    return callback, np.array(values)[EPOCH]


def on_a_plateau(part):
    # No loss improves by 100, so that all epochs but the first are bad.
    callback = ReduceOnPlateau("loss", part.name, 0.5, patience=0, min_delta=100)
    return callback, part.start * 0.5 ** np.maximum(EPOCH - 1, 0)


WAYS = {
    "a schedule": by_schedule,
    "`Adjust` by epoch": by_epoch,
    "by batch": by_batch,
    "by metrics": by_metrics,
    "`ReduceOnPlateau`": on_a_plateau,
}


def twice(x):
    clock = Clock()
    return clock(clock(x))


PLAIN = Run()
UNCLOCKED = Run(clock=lambda x: x)
ALONE = Run(listed=False)
SEVERAL = Run(options={"steps_per_execution": 3})
RUNS = {
    "no clock, a schedule": (by_schedule, UNCLOCKED),
    "no clock, by epoch": (by_epoch, UNCLOCKED),
    "two clocks, a schedule": (by_schedule, Run(clock=lambda x: Clock()(Clock()(x)))),
    "a clock called twice, a schedule": (by_schedule, Run(clock=twice)),
    "`fit(callbacks=adjust)`, by batch": (by_batch, ALONE),
    "`fit(callbacks=adjust)`, by metrics": (by_metrics, ALONE),
    "`steps_per_execution=3`, a schedule": (by_schedule, SEVERAL),
    "`steps_per_execution=3`, by epoch": (by_epoch, SEVERAL),
    "`steps_per_execution=3`, by batch": (by_batch, SEVERAL),
    "accumulating gradients, a schedule": (by_schedule, Run(accumulate=2)),
    "accumulating gradients, `PerUpdate`": (
        by_schedule,
        Run(accumulate=2, per_update=True),
    ),
    "accumulating gradients, by batch": (by_batch, Run(accumulate=2)),
    "`mixed_float16`, a schedule and by batch": (
        by_batch,
        Run(policy="mixed_float16", held="both"),
    ),
    "`jit_compile=True`, a schedule and by batch": (
        by_batch,
        Run(options={"jit_compile": True}, held="both"),
    ),
}
