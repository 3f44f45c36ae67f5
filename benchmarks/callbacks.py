"""What callbacks cost, in microseconds of CPU an epoch and a batch.

The base is the same fit without them. An epoch is one batch long where epochs are
measured, and nothing is validated, so that the base is short. Those that need one have
a `ControlledOptimizer(watch=True)`, and so has their base. Targets: 1000
microseconds an epoch beyond what a callback is asked to compute or write, such as a
checkpoint, and 50 a batch, except for what JAX takes to wait for a batch or to bring
its state into the variables.

The figures are in docs/benchmarks/callbacks.md.

KERAS_BACKEND=jax python benchmarks/callbacks.py [--pairs 9] [--epochs 200] [--only …]
"""

import argparse
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
from paired import report_added

from kdl import callbacks
from kdl.optimizers import ControlledOptimizer

STEPS = 200
WATCHED = ("GradualUnfreezing", "TrainingDoctor")
X = np.random.default_rng(0).normal(size=(8 * STEPS, 32)).astype("float32")


def by_epoch(folder):
    """Callbacks that act once an epoch, by name; a target of `None` is none."""
    return {
        "Adjust, learning rate": lambda: callbacks.Adjust(
            "learning_rate", lambda epoch: 0.001
        ),
        "LogNumbers": callbacks.LogNumbers,
        "ReduceOnPlateau": lambda: callbacks.ReduceOnPlateau("loss"),
        "EarlyStopping": lambda: callbacks.EarlyStopping(
            "loss", patience=10**6, verbose=0
        ),
        "GradualUnfreezing": unfreezing,
        "TrainingDoctor": lambda: callbacks.TrainingDoctor(batches=False, verbose=0),
        "TensorBoardLogger": lambda: callbacks.TensorBoardLogger(folder / "board"),
        "WandbLogger": lambda: callbacks.WandbLogger(
            "kdl", mode="offline", directory=folder
        ),
        "StochasticWeightAveraging*": lambda: callbacks.StochasticWeightAveraging(0),
        "Resume, a checkpoint an epoch*": lambda: callbacks.Resume(folder / "resume"),
    }


def by_batch(folder):
    """Callbacks that act on each batch, by name."""
    return {
        "Adjust, by batch (sync)": lambda: callbacks.Adjust(
            "learning_rate", lambda batch: 0.001, by="batch"
        ),
        "EarlyStopping, budgets": lambda: callbacks.EarlyStopping(
            "loss", patience=9, max_steps=10**9, max_seconds=10**6, verbose=0
        ),
        "Resume, within an epoch": lambda: callbacks.Resume(
            folder / "resume", save_freq=10**6
        ),
        "TrainingDoctor, losses of batches (wait)": lambda: callbacks.TrainingDoctor(
            verbose=0
        ),
        "TensorBoardLogger, each 100th (wait)": lambda: callbacks.TensorBoardLogger(
            folder / "board", log_batches=100
        ),
        "WandbLogger, each 100th (wait)": lambda: callbacks.WandbLogger(
            "kdl", mode="offline", directory=folder, log_batches=100
        ),
        "a callback that reads no logs (wait)": Wait,
    }


class Wait(keras.callbacks.Callback):
    """Does nothing after each batch, for which Keras waits all the same."""

    def on_train_batch_end(self, batch, logs=None):
        pass


def unfreezing():
    return callbacks.GradualUnfreezing([".*bias", ".*kernel"], every=10**6)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--epochs", type=int, default=200, help="where epochs count")
    parser.add_argument("--only", nargs="*", help="callbacks by how they begin")
    arguments = parser.parse_args()
    print(
        "An asterisk: beyond what it is asked to compute or write. No target: a wait.\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        units = [
            ("an epoch", by_epoch(Path(folder)), 1, arguments.epochs, 1000),
            ("a batch", by_batch(Path(folder)), STEPS, 1, 50),
        ]
        # A dense layer has 2 variables and 4 slots of Adam.
        for layers, watch in ((5, False), (49, False), (5, True), (49, True)):
            model = compiled(layers, watch)
            count = len([*model.variables, *model.optimizer.variables])
            for unit, makers, steps, epochs, target in units:
                chosen = {
                    name: timed(model, make, steps, epochs)
                    for name, make in makers.items()
                    if name.startswith(WATCHED) == watch
                    and (not arguments.only or name.startswith(tuple(arguments.only)))
                }
                if chosen:
                    report_added(
                        f"{count} variables, {unit}, {keras.backend.backend()}",
                        timed(model, None, steps, epochs),
                        chosen,
                        {name: target for name in chosen if name[-1] not in "*)"},
                        arguments.pairs,
                    )
                    print()


def compiled(layers, watch):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((32,)),
            *[keras.layers.Dense(32, "relu") for _ in range(layers)],
        ]
    )
    optimizer = keras.optimizers.Adam()
    if watch:
        multipliers = unfreezing().multipliers
        optimizer = ControlledOptimizer(optimizer, multipliers, watch=True)
    model.compile(optimizer, "mse")
    model.fit(X[:8], X[:8], verbose=0)  # Compiles.
    return model


def timed(model, make, steps, epochs):
    """A function that trains and returns the CPU time of an epoch or of a batch."""

    def run():
        # The first fit of a callback may open files.
        chosen = [] if make is None else [make()]
        x = X[: 8 * steps]
        start = time.process_time()
        model.fit(x, x, 8, epochs, callbacks=chosen, verbose=0, shuffle=False)
        return (time.process_time() - start) / (steps * epochs)

    run()
    return run


if __name__ == "__main__":
    main()
