"""What kdl.optimizers.ControlledOptimizer costs, on a multilayer perceptron of 8 x 128.

Each row fits a model of its own. Targets, in microseconds of CPU a step beyond the bare
Adam: nothing at rest, at most 500 watching.

KERAS_BACKEND=jax python benchmarks/optimizer.py [--pairs 15] [--steps 100]
"""

import argparse
import time

import keras
import numpy as np
from paired import report_added

from kdl.optimizers import ControlledOptimizer
from kdl.regularizers import ElasticNet
from kdl.schedules import Adjustable


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    others = {
        "at rest": {},
        "watching": {"watch": True},
        "constant multipliers": {"multipliers": {".*": 0.5}},
        "adjustable multipliers": {"multipliers": {".*": Adjustable(0.5)}},
        "proximal": {"proximal": {".*kernel": ElasticNet()}},
    }
    report_added(
        f"CPU a step, {keras.backend.backend()}",
        seconds_per_step(keras.optimizers.Adam(), arguments.steps),
        {
            name: seconds_per_step(
                ControlledOptimizer(keras.optimizers.Adam(), **options),
                arguments.steps,
            )
            for name, options in others.items()
        },
        {"at rest": 0, "watching": 500},
        arguments.pairs,
    )


def seconds_per_step(optimizer, steps):
    """A function that trains for some steps and returns their mean time on the CPU."""
    hidden = [keras.layers.Dense(128, activation="relu") for _ in range(8)]
    model = keras.Sequential([keras.Input((64,)), *hidden, keras.layers.Dense(10)])
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32 * steps, 64)), rng.normal(size=(32 * steps, 10))

    def run():
        start = time.process_time()
        model.fit(x, y, batch_size=32, verbose=0)
        return (time.process_time() - start) / steps

    run()  # Compiles.
    return run


if __name__ == "__main__":
    main()
