"""Which numbers of a model can change during `fit`, and how, on every backend.

Each cell is a small model that is fitted, compiled as Keras does by default. The model
records the loss of each batch within the compiled step, and its data and weights are
such that the loss gives away the number that was in force. A formula in NumPy foretells
the losses under the number as it was to change, and under that which it began with. A
cell says which of the two came true:

    works       the number was in force at each step
    refused     a TypeError or ValueError; any other error is named
    ignored     it was as if nothing had changed it, and nothing said so
    2 of 18     it was in force at so many of the steps at which it was to differ
    -           the combination has no meaning

The first two tables are of kdl, where nothing is to happen in silence: the exit code is
1 if a cell is none of works, refused and -. The third is of Keras alone, with callbacks
written the obvious way. A cell holds for all backends but those that it names.

On PyTorch, `jit_compile=True` traces the step, but leaves out the compiler.

The figures are in docs/benchmarks/changing-numbers.md.

python benchmarks/what_can_change.py [--out tables.md] [--log cells.json]
"""

import argparse
import contextlib
import dataclasses
import functools
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest.mock
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops, optimizers

from kdl.callbacks import Adjust, ReduceOnPlateau
from kdl.layers import Clock, DropConnectDense, Dropout
from kdl.losses import SparseCategoricalCrossentropy, WeightedLoss
from kdl.optimizers import ControlledOptimizer
from kdl.regularizers import ElasticNet
from kdl.schedules import Adjustable, PerUpdate

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}

EPOCHS, BATCHES = 3, 6  # Of an epoch, since the first batch of one is a special case.
STEPS = EPOCHS * BATCHES
STEP, EPOCH = np.arange(STEPS), np.arange(STEPS) // BATCHES

# A number begins at START. A schedule takes it along RAMP. A callback sets it to a
# later value of RAMP, so that it never sets what the number began with.
START, END = 0.8, 0.2
RAMP = np.linspace(START, END, STEPS + 1)
SCHEDULE = optimizers.schedules.PolynomialDecay(START, STEPS, END)
FROZEN_AT_FIRST = (np.arange(STEPS + 1) > BATCHES).astype(float)

# The mean square of so many ones, of which some are dropped, has a standard error of
# 0.3 % at the largest rate, 0.8.
UNITS = 400_000


@dataclasses.dataclass
class Run:
    """How a model is made and fitted.

    Attributes:
        clock: Function that is called on the inputs.
        options: Dict. Arguments of `compile`.
        accumulate: Optional integer. The `gradient_accumulation_steps`.
        policy: String. Name of the dtype policy.
        listed: Boolean. Whether `fit` is given a list of callbacks.
    """

    clock: Callable = lambda x: Clock()(x)
    options: dict = dataclasses.field(default_factory=dict)
    accumulate: int | None = None
    policy: str = "float32"
    listed: bool = True


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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, help="file for the tables")
    parser.add_argument("--log", type=Path, help="file for each cell, with its message")
    parser.add_argument("--collect", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.collect:
        arguments.collect.write_text(json.dumps(collect()))
        return 0
    installed = [name for name in BACKENDS if importlib.util.find_spec(name)]
    with ThreadPoolExecutor(2) as pool:  # Two processes at a time, one a core.
        cells = list(pool.map(started, installed))
    results = {BACKENDS[n]: c for n, c in zip(installed, cells, strict=True)}
    text, silent = report(results)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    if arguments.log:
        arguments.log.write_text(json.dumps(results, indent=1) + "\n")
    if silent:
        print("Silent: " + "; ".join(silent), file=sys.stderr)
    return int(bool(silent))


def started(backend):
    """Runs all cells on a backend, in a process of its own."""
    begin = time.perf_counter()
    print(f"{BACKENDS[backend]} …", file=sys.stderr)
    quiet = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cells.json"
        done = subprocess.run(
            [sys.executable, __file__, "--collect", str(file)],
            env={**os.environ, **quiet},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        result = json.loads(file.read_text())
    seconds = time.perf_counter() - begin
    print(f"{BACKENDS[backend]}: {seconds:.0f} s", file=sys.stderr)
    return result


def collect():
    """All cells on the backend of this process."""
    with without_a_compiler():
        return {
            "keras": keras.__version__,
            "with kdl": {
                title: {
                    row: {column: cell() for column, cell in cells.items()}
                    for row, cells in rows.items()
                }
                for title, rows in TABLES.items()
            },
            "by hand": {
                row: by_hand(part, way) for row, (part, way, _) in BY_HAND.items()
            },
        }


def without_a_compiler():
    """Has PyTorch's `jit_compile=True` trace the graph, but not build it."""
    if keras.backend.backend() != "torch":
        return contextlib.nullcontext()
    import torch

    eager = functools.partial(torch.compile, backend="eager")
    return unittest.mock.patch.object(torch, "compile", eager)


def report(results):
    """The tables as Markdown, and the cells of kdl that are silent."""
    version = next(iter(results.values()))["keras"]
    lines = [f"Keras {version}, {', '.join(results)}"]
    lines += [f"$ python {' '.join(sys.argv)}"]
    silent = []
    for title, rows in TABLES.items():
        columns = next(iter(rows.values()))
        lines += ["", title, "", f"| what | {' | '.join(columns)} |"]
        lines += ["|---" * (len(columns) + 1) + "|"]
        for row in rows:
            verdicts = [
                {
                    backend: result["with kdl"][title][row][column]["verdict"]
                    for backend, result in results.items()
                }
                for column in columns
            ]
            lines.append(f"| {row} | {' | '.join(map(merged, verdicts))} |")
            silent += [
                f"{row}, {column}, {backend}: {verdict}"
                for column, by_backend in zip(columns, verdicts, strict=True)
                for backend, verdict in by_backend.items()
                if verdict not in ("works", "refused", "-")
            ]
    lines += ["", f"By hand, with Keras {version} alone", ""]
    lines += [f"| what | {' | '.join(results)} | with kdl |"]
    lines += ["|---" * (len(results) + 2) + "|"]
    for row, (_, _, instead) in BY_HAND.items():
        verdicts = [result["by hand"][row]["verdict"] for result in results.values()]
        cells = ["error" if v == "refused" else v for v in verdicts]
        lines.append(f"| {row} | {' | '.join(cells)} | {instead} |")
    return "\n".join(lines), silent


def merged(verdicts):
    """What all backends say, or most, and then those that say otherwise."""
    usual = Counter(verdicts.values()).most_common(1)[0][0]
    others = [f"{k} {v}" for k, v in verdicts.items() if v != usual]
    return ", ".join([usual, *others])


# Models. Kernels are ones, inputs are ones, targets are zeros, and there is one example
# to a batch. Unless its optimizer is what is tried, a model does not learn.


class Recorded(keras.Model):
    """A model that keeps the loss of each training batch, in the compiled step."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        options = {"initializer": "zeros", "trainable": False, "autocast": False}
        self.batch = self.add_weight((), dtype="int32", **options)
        self.record = self.add_weight((STEPS,), dtype="float32", **options)

    def compute_loss(self, *args, training=True, **kwargs):
        loss = super().compute_loss(*args, training=training, **kwargs)
        if training:
            batch = ops.convert_to_tensor(self.batch)
            here = ops.arange(STEPS, dtype="int32") == batch
            now = ops.cast(ops.stop_gradient(loss), "float32")
            record = ops.convert_to_tensor(self.record)
            self.record.assign(ops.where(here, now, record))
            self.batch.assign(batch + 1)
        return loss


def compiled(run, part, loss="mse", optimizer=None, size=1, **options):
    inputs = keras.Input((size,))
    model = Recorded(inputs, part(run.clock(inputs)))
    model.compile(optimizer or sgd(0.0, run), loss, **options, **run.options)
    return model


def sgd(rate, run):
    return optimizers.SGD(rate, gradient_accumulation_steps=run.accumulate)


def dense(units=1, name="dense", **options):
    options = {"kernel_initializer": "ones", "use_bias": False, **options}
    return layers.Dense(units, name=name, **options)


def dropping(layer, size=UNITS):
    """The loss is the mean square of ones, of which some are dropped."""
    return {
        "model": lambda rate, run: compiled(run, layer(rate), size=size),
        "foretell": lambda rate: 1 / (1 - rate),
        "size": size,
        "tolerance": 0.02,
    }


def penalized(regularizer):
    """The loss is an error of 1, and the penalty of a 1."""

    def model(strength, run):
        return compiled(run, dense(kernel_regularizer=regularizer(strength)))

    return {"model": model, "foretell": lambda strength: 1 + strength}


def weighted(weight, run):
    """The loss is the weight of an error of 1."""
    return compiled(run, dense(), WeightedLoss(keras.losses.MeanSquaredError(), weight))


def weighted_by_keras(weight, run):
    return compiled(run, dense(), ["mse"], loss_weights=[weight])


def smoothed(smoothing, run):
    """The logits are 1, 0 and 0, and the label is 0."""
    kernel = keras.initializers.Constant(np.array([[1.0, 0.0, 0.0]]))
    loss = SparseCategoricalCrossentropy(True, smoothing)
    return compiled(run, dense(3, kernel_initializer=kernel), loss)


def cross_entropy(smoothing):
    log_p = np.array([1, 0, 0]) - np.log(np.e + 2)
    return -(1 - smoothing) * log_p[0] - smoothing * log_p.mean()


def optimized(optimizer):
    """The loss is a weight, which is 1 at first and whose gradient is 1."""

    def model(number, run):
        return compiled(run, dense(), outputs_alone, optimizer(number, run))

    return {"model": model, "read": steps_of_weights}


def half_frozen(trainable, run):
    """The loss is the sum of two weights, one of which may be frozen."""

    def both(x):
        first = dense(name="first")
        first.trainable = bool(trainable)
        return layers.add([first(x), dense()(x)])

    return compiled(run, both, outputs_alone, sgd(0.1, run))


def outputs_alone(y_true, y_pred):
    return ops.mean(y_pred)


def steps_of_weights(model, losses):
    """How far the weights, whose sum is the loss, went down at each step."""
    kernels = [x.kernel for x in model.layers if isinstance(x, layers.Dense)]
    last = sum(ops.convert_to_numpy(kernel).item() for kernel in kernels)
    return -np.diff([*losses, last])


def controlled(inner, argument, key):
    """A function that makes a `ControlledOptimizer` of a number and a `Run`."""
    return lambda x, run: ControlledOptimizer(inner(run), **{argument: {key: x}})


def descent(step):
    """The steps of a weight that is 1 at first, by a function of number and weight."""

    def foretell(values):
        weight, steps = 1.0, []
        for value in values:
            steps.append(step(value, weight))
            weight -= steps[-1]
        return np.array(steps)

    return foretell


def steps_of_adam(beta_1):
    """With a rate of 1. The second moment of gradients of 1 is 1 at all times."""
    return (1 - np.cumprod(beta_1)) / (1 - beta_1 ** (STEP + 1))


def steps_of_momentum(momentum):
    """With a rate of 1."""
    velocity = 0.0
    return np.array([velocity := value * velocity + 1 for value in momentum])


# Parts.

DROPOUT = Part(
    "rate of `kdl.layers.Dropout`",
    "part/rate",
    **dropping(lambda rate: Dropout(rate, seed=0, name="part")),
)
DROPCONNECT = Part(
    "rate of `DropConnectDense`",
    "part/rate",
    **dropping(
        lambda rate: DropConnectDense(
            UNITS, rate, 0, kernel_initializer="ones", name="part"
        ),
        size=1,
    ),
)
KERAS_DROPOUT = Part(
    "rate of Keras's `Dropout`",
    "part/rate",
    **dropping(lambda rate: layers.Dropout(rate, seed=0, name="part")),
    held="float",
)
ELASTIC_NET = Part(
    "strength of `ElasticNet` in a Keras `Dense`",
    "dense/kernel_regularizer/alpha",
    **penalized(lambda alpha: ElasticNet(alpha, l1_ratio=1.0)),
)
KERAS_L2 = Part(
    "strength of Keras's `L2`",
    "dense/kernel_regularizer/l2",
    **penalized(keras.regularizers.L2),
    held="float",
)
WEIGHT = Part("weight of a `WeightedLoss`", "loss/weight", weighted)
KERAS_WEIGHT = Part(
    "`loss_weights` of `compile`", "loss_weights", weighted_by_keras, held="float"
)
SMOOTHING = Part("label smoothing", "loss/label_smoothing", smoothed, cross_entropy)
RATE = Part(
    "learning rate, a float",
    "learning_rate",
    **optimized(lambda rate, run: optimizers.SGD(rate)),
    held="float",
    lacks=("a schedule",),
)
SCHEDULED_RATE = Part(
    "learning rate, a schedule",
    "learning_rate",
    **optimized(lambda rate, run: optimizers.SGD(rate)),
    held="schedule",
)
CONTROLLED_RATE = Part(
    "the same, in a `ControlledOptimizer`",
    "learning_rate",
    **optimized(lambda rate, run: ControlledOptimizer(optimizers.SGD(rate))),
    held="schedule",
)
MULTIPLIER = Part(
    "rate of a layer, by a multiplier",
    "multiplier/dense/kernel",
    **optimized(controlled(lambda run: sgd(1.0, run), "multipliers", "dense/kernel")),
)
FREEZING = Part(
    "freezing, by a multiplier of 0 then 1",
    "multiplier/dense/kernel",
    **optimized(
        controlled(
            lambda run: optimizers.SGD(0.1, weight_decay=1.0),
            "multipliers",
            "dense/kernel",
        )
    ),
    foretell=descent(lambda gate, weight: gate * 0.1 * (1 + weight)),
    ramp=FROZEN_AT_FIRST,
    schedule=optimizers.schedules.PiecewiseConstantDecay([BATCHES], [0.0, 1.0]),
    change=lambda gate: gate + 0.5,
    lacks=("`ReduceOnPlateau`",),
)
BETA_1 = Part(
    "`beta_1` of AdamW",
    "beta_1",
    **optimized(
        controlled(
            lambda run: optimizers.AdamW(1.0, weight_decay=0.0),
            "hyperparameters",
            "beta_1",
        )
    ),
    foretell=steps_of_adam,
)
WEIGHT_DECAY = Part(
    "weight decay of AdamW",
    "weight_decay",
    **optimized(
        controlled(lambda run: optimizers.AdamW(0.1), "hyperparameters", "weight_decay")
    ),
    foretell=descent(lambda decay, weight: 0.1 * (1 + decay * weight)),
)
MOMENTUM = Part(
    "momentum of SGD",
    "momentum",
    **optimized(
        controlled(
            lambda run: optimizers.SGD(1.0, momentum=START),
            "hyperparameters",
            "momentum",
        )
    ),
    foretell=steps_of_momentum,
)
PARTS = [
    DROPOUT,
    DROPCONNECT,
    KERAS_DROPOUT,
    ELASTIC_NET,
    dataclasses.replace(
        ELASTIC_NET, label="the same, adjustable and scheduled", held="both"
    ),
    KERAS_L2,
    WEIGHT,
    KERAS_WEIGHT,
    SMOOTHING,
    RATE,
    SCHEDULED_RATE,
    CONTROLLED_RATE,
    MULTIPLIER,
    dataclasses.replace(
        MULTIPLIER, label="a multiplier, adjustable and scheduled", held="both"
    ),
    FREEZING,
    BETA_1,
    WEIGHT_DECAY,
    MOMENTUM,
]

# Ways: functions of a part that return a callback, and what that sets at each step.


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
ACCUMULATING = Run(accumulate=2)
HALF = Run(policy="mixed_float16")
JIT = Run(options={"jit_compile": True})
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
    "accumulating gradients, a schedule": (by_schedule, ACCUMULATING),
    "accumulating gradients, `PerUpdate`": (
        by_schedule,
        ACCUMULATING,
        {"per_update": True},
    ),
    "accumulating gradients, by batch": (by_batch, ACCUMULATING),
    "`mixed_float16`, a schedule and by batch": (by_batch, HALF, {"held": "both"}),
    "`jit_compile=True`, a schedule and by batch": (by_batch, JIT, {"held": "both"}),
}
KINDS = {
    "a layer": DROPOUT,
    "a penalty": ELASTIC_NET,
    "a loss": WEIGHT,
    "an optimizer": MULTIPLIER,
}


def changed(part, way, run=PLAIN, held=None, per_update=False):
    """What became of a change of a number of a part."""
    counts_updates = part is MULTIPLIER
    part = dataclasses.replace(part, held=held or part.held)
    callback, values = way(part)
    number, start, factor = part.number(), part.start, part.factor
    if way is by_schedule:
        start, factor = part.ramp[0], np.ones(STEPS)
        if part.held != "both":
            number = PerUpdate(part.schedule) if per_update else part.schedule
        if run.accumulate and (per_update or counts_updates):
            values = part.ramp[STEP // run.accumulate]
    wanted, unchanged = part.foretell(factor * values), part.foretell(factor * start)
    if run.accumulate and counts_updates:
        updates = (STEP + 1) % run.accumulate == 0
        wanted, unchanged = updates * wanted, updates * unchanged
    return verdict(part, number, run, callback, wanted, unchanged)


def verdict(part, number, run, callback, wanted, unchanged):
    """Fits a model and compares what is read with what was foretold."""
    keras.utils.clear_session()  # Names of models and clocks begin anew.
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(run.policy)
    x, y = np.ones((BATCHES, part.size)), np.zeros((BATCHES, 1))
    callbacks = [callback] if callback and run.listed else callback
    try:
        model = part.model(number, run)
        model.fit(x, y, 1, EPOCHS, 0, callbacks, shuffle=False)
    except Exception as error:
        name = type(error).__name__
        refused = isinstance(error, (TypeError, ValueError))
        said = {"why": f"{name}: {error}"[:300]}
        return {"verdict": "refused" if refused else name, **said}
    finally:
        keras.config.set_dtype_policy(before)
    read = part.read(model, ops.convert_to_numpy(model.record))
    tolerance = part.tolerance if run.policy == "float32" else 0.05

    def is_as(foretold):
        # What is to be zero, such as the step of a frozen weight, is to be just that.
        return np.abs(read - foretold) <= tolerance * np.abs(foretold)

    differs = np.abs(wanted - unchanged) > 2 * tolerance * np.abs(unchanged)
    log = {"read": read.tolist(), "wanted": wanted.tolist()}
    if is_as(wanted).all() and differs.any():
        return {"verdict": "works", **log}
    if is_as(unchanged).all():
        return {"verdict": "ignored", **log}
    count = (is_as(wanted) & differs).sum()
    return {"verdict": f"{count} of {differs.sum()}", **log}


def without_meaning():
    return {"verdict": "-"}


TABLES = {
    "Numbers, and ways to change them": {
        part.label: {
            name: without_meaning
            if name in part.lacks
            else functools.partial(changed, part, way)
            for name, way in WAYS.items()
        }
        for part in PARTS
    },
    "Ways to run a model, with a number of each kind of part": {
        label: {
            kind: functools.partial(changed, part, way, run, **dict(*options))
            for kind, part in KINDS.items()
        }
        for label, (way, run, *options) in RUNS.items()
    },
}

# By hand: functions of a part that return its number, a callback, and what that sets
# at each step.


class Set(keras.callbacks.Callback):
    """Sets something of the model before each epoch."""

    def __init__(self, assign, values):
        super().__init__()
        self.assign, self.values = assign, values

    def on_epoch_begin(self, epoch, logs=None):
        self.assign(self.model, self.values[epoch * BATCHES])


class SetEachBatch(Set):
    """Sets it before each batch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.first = epoch * BATCHES

    def on_train_batch_begin(self, batch, logs=None):
        self.assign(self.model, self.values[self.first + batch])


class Scale(layers.Layer):
    """Multiplies its inputs by a variable."""

    def __init__(self, factor):
        super().__init__(name="part")
        constant = keras.initializers.Constant(factor)
        self.factor = self.add_weight((), constant, trainable=False)
        self.built = True

    def call(self, inputs):
        return inputs * ops.convert_to_tensor(self.factor)


PLAIN_BETA_1, PLAIN_WEIGHT_DECAY, PLAIN_MOMENTUM = (
    dataclasses.replace(part, held="float", **optimized(optimizer))
    for part, optimizer in (
        (BETA_1, lambda x, run: optimizers.AdamW(1.0, 0.0, beta_1=x)),
        (WEIGHT_DECAY, lambda x, run: optimizers.AdamW(0.1, x)),
        (MOMENTUM, lambda x, run: optimizers.SGD(1.0, x)),
    )
)
SCALE = Part(
    "a variable of a layer",
    "part/factor",
    lambda layer, run: compiled(run, layer),
    lambda factor: factor**2,
    held="float",
)
TRAINABLE = Part(
    "a layer, frozen and then not",
    "first/trainable",
    half_frozen,
    lambda trainable: 0.1 * (1 + trainable),
    steps_of_weights,
    held="float",
    ramp=FROZEN_AT_FIRST,
)
FROZEN = dataclasses.replace(TRAINABLE, ramp=1 - FROZEN_AT_FIRST)


def each_epoch(assign):
    def by_hand(part):
        values = part.ramp[BATCHES * EPOCH]
        return part.number(), Set(assign, values), values

    return by_hand


def of_optimizer(name):
    return each_epoch(lambda model, value: setattr(model.optimizer, name, value))


def rate_each_batch(part):
    def assign(model, value):
        model.optimizer.learning_rate = value

    return part.number(), SetEachBatch(assign, part.ramp[1:]), part.ramp[1:]


def keras_plateau(part):
    callback = keras.callbacks.ReduceLROnPlateau("loss", 0.5, 1, min_delta=100)
    return part.number(), callback, part.factor * 0.5 ** np.maximum(EPOCH - 1, 0)


def set_rate_of_dropout(model, value):
    model.get_layer("part").rate = value


def set_strength(model, value):
    model.get_layer("dense").kernel_regularizer.l2 = value


def set_trainable(model, value):
    model.get_layer("first").trainable = bool(value)


def variable_as_weight(part):
    weight = keras.Variable(START, dtype="float32", trainable=False)
    values = part.ramp[BATCHES * EPOCH]
    return weight, Set(lambda model, value: weight.assign(value), values), values


def of_a_model_at_hand(part):
    layer, values = Scale(START), iter(part.ramp[1:])
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: layer.factor.assign(next(values))
    )
    return layer, callback, part.ramp[1:]


def of_the_callbacks_model(part):
    def assign(model, value):
        model.get_layer("part").factor.assign(value)

    return Scale(START), SetEachBatch(assign, part.ramp[1:]), part.ramp[1:]


def by_hand(part, way):
    """What became of a change that a callback of one's own made."""
    number, callback, values = way(part)
    foretold = part.foretell(values), part.foretell(part.factor * part.start)
    return verdict(part, number, UNCLOCKED, callback, *foretold)


MULTIPLIERS = "`ControlledOptimizer(…, multipliers={…: schedule})`"
HYPERPARAMETERS = "`ControlledOptimizer(…, hyperparameters={…: schedule})`"
BY_HAND = {
    "`Dropout.rate = x` each epoch": (
        KERAS_DROPOUT,
        each_epoch(set_rate_of_dropout),
        "`kdl.layers.Dropout(schedule)`",
    ),
    "`L2.l2 = x` each epoch": (
        KERAS_L2,
        each_epoch(set_strength),
        "`ElasticNet(schedule, l1_ratio=0.0)`",
    ),
    "`loss_weights=[variable]`, assigned each epoch": (
        KERAS_WEIGHT,
        variable_as_weight,
        "`WeightedLoss(loss, schedule)`",
    ),
    "`variable.assign(x)` each batch, a variable of a layer": (
        SCALE,
        of_a_model_at_hand,
        '`Adjust(…, by="batch")`',
    ),
    "the same, found through `self.model`": (
        SCALE,
        of_the_callbacks_model,
        '`Adjust(…, by="batch")`',
    ),
    "`learning_rate = x` each batch": (
        RATE,
        rate_each_batch,
        '`Adjust("learning_rate", …, by="batch")`',
    ),
    "the same each epoch, of a schedule": (
        SCHEDULED_RATE,
        of_optimizer("learning_rate"),
        "`Adjust`, with a `ControlledOptimizer`",
    ),
    "`ReduceLROnPlateau`, of a schedule": (
        SCHEDULED_RATE,
        keras_plateau,
        "`ReduceOnPlateau`, with a `ControlledOptimizer`",
    ),
    "`AdamW.weight_decay = x` each epoch": (
        PLAIN_WEIGHT_DECAY,
        of_optimizer("weight_decay"),
        HYPERPARAMETERS,
    ),
    "`AdamW.beta_1 = x` each epoch": (
        PLAIN_BETA_1,
        of_optimizer("beta_1"),
        HYPERPARAMETERS,
    ),
    "`SGD.momentum = x` each epoch": (
        PLAIN_MOMENTUM,
        of_optimizer("momentum"),
        HYPERPARAMETERS,
    ),
    "`layer.trainable = False` after an epoch": (
        FROZEN,
        each_epoch(set_trainable),
        MULTIPLIERS,
    ),
    "`layer.trainable = True` after an epoch": (
        TRAINABLE,
        each_epoch(set_trainable),
        MULTIPLIERS,
    ),
}

if __name__ == "__main__":
    sys.exit(main())
