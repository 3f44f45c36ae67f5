"""Numbers of optimizers: what is read are the steps of a weight."""

import dataclasses

import numpy as np
from keras import layers, ops, optimizers

from change_cases.models import compiled, dense, outputs_alone, sgd
from change_cases.part import BATCHES, FROZEN_AT_FIRST, START, STEP, Part
from kdl.optimizers import ControlledOptimizer


def optimized(label, name, optimizer, **options):
    """A number. The loss is a weight, which is 1 at first and whose gradient is 1.

    Args:
        label: String, of the `Part`.
        name: String, likewise.
        optimizer: Function of the number and a `Run`.
        **options: Of the `Part`.
    """

    def model(number, run):
        return compiled(run, dense(), outputs_alone, optimizer(number, run))

    return Part(label, name, model, read=steps_of_weights, **options)


def steps_of_weights(model, losses):
    """How far the weights, whose sum is the loss, went down at each step."""
    kernels = [x.kernel for x in model.layers if isinstance(x, layers.Dense)]
    last = sum(ops.convert_to_numpy(kernel).item() for kernel in kernels)
    return -np.diff([*losses, last])


def descent(step):
    """The steps of a weight that is 1 at first, by a function of number and weight."""

    def foretell(values):
        weight, steps = 1.0, []
        for value in values:
            steps.append(step(value, weight))
            weight -= steps[-1]
        return np.array(steps)

    return foretell


RATE = optimized(
    "learning rate, a float",
    "learning_rate",
    lambda rate, run: optimizers.SGD(rate),
    held="float",
    lacks=("a schedule",),
)
SCHEDULED_RATE = optimized(
    "learning rate, a schedule",
    "learning_rate",
    lambda rate, run: optimizers.SGD(rate),
    held="schedule",
)
CONTROLLED_RATE = optimized(
    "the same, in a `ControlledOptimizer`",
    "learning_rate",
    lambda rate, run: ControlledOptimizer(optimizers.SGD(rate)),
    held="schedule",
)
MULTIPLIER = optimized(
    "rate of a layer, by a multiplier",
    "multiplier/dense/kernel",
    lambda x, run: ControlledOptimizer(sgd(1.0, run), multipliers={"dense/kernel": x}),
    counts_updates=True,
)
BOTH_MULTIPLIER = dataclasses.replace(
    MULTIPLIER, label="a multiplier, adjustable and scheduled", held="both"
)
FREEZING = optimized(
    "freezing, by a multiplier of 0 then 1",
    "multiplier/dense/kernel",
    lambda x, run: ControlledOptimizer(
        optimizers.SGD(0.1, weight_decay=1.0), multipliers={"dense/kernel": x}
    ),
    foretell=descent(lambda gate, weight: gate * 0.1 * (1 + weight)),
    ramp=FROZEN_AT_FIRST,
    schedule=optimizers.schedules.PiecewiseConstantDecay([BATCHES], [0.0, 1.0]),
    change=lambda gate: gate + 0.5,
    lacks=("`ReduceOnPlateau`",),
)


def hyperparameter(label, name, optimizer, **options):
    """A number of an optimizer within a `ControlledOptimizer`."""
    return optimized(
        label,
        name,
        lambda x, run: ControlledOptimizer(optimizer(), hyperparameters={name: x}),
        **options,
    )


def steps_of_adam(beta_1):
    """With a rate of 1. The second moment of gradients of 1 is 1 at all times."""
    return (1 - np.cumprod(beta_1)) / (1 - beta_1 ** (STEP + 1))


BETA_1 = hyperparameter(
    "`beta_1` of AdamW",
    "beta_1",
    lambda: optimizers.AdamW(1.0, weight_decay=0.0),
    foretell=steps_of_adam,
)

decayed = descent(lambda decay, weight: 0.1 * (1 + decay * weight))
WEIGHT_DECAY = hyperparameter(
    "weight decay of AdamW",
    "weight_decay",
    lambda: optimizers.AdamW(0.1),
    foretell=decayed,
)


def steps_of_momentum(momentum):
    """With a rate of 1."""
    velocity = 0.0
    return np.array([velocity := value * velocity + 1 for value in momentum])


MOMENTUM = hyperparameter(
    "momentum of SGD",
    "momentum",
    lambda: optimizers.SGD(1.0, momentum=START),
    foretell=steps_of_momentum,
)
