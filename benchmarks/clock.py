"""What a number on a schedule costs, in microseconds of CPU a training step.

The base is a model with eight constant penalties; then it has a clock, then one or all
eight of the strengths follow a schedule by it, then a callback sets one of them before
each batch instead. Targets: a number on a schedule adds at most 20 microseconds on JAX
and TensorFlow and 100 on PyTorch, clock included, to a model of 35 or 300 variables.

The figures are in docs/benchmarks/changing-numbers.md.

KERAS_BACKEND=jax python benchmarks/clock.py [--pairs 15] [--steps 200]
"""

import argparse
import time

import keras
import numpy as np
from paired import report_added

from kdl.callbacks import Adjust
from kdl.layers import Clock
from kdl.regularizers import ElasticNet
from kdl.schedules import Adjustable, OneCycle

TARGETS = {"jax": 20, "tensorflow": 20, "torch": 100}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    target = TARGETS[keras.backend.backend()]
    schedule = OneCycle(1e-4, 10**6)
    callback = Adjust("dense/kernel_regularizer/alpha", lambda batch: 1e-4, by="batch")
    others = {
        "clock": {"clock": True},
        "clock, 1 number": {"clock": True, "alphas": [schedule]},
        "clock, 8 numbers": {"clock": True, "alphas": [schedule] * 8},
        "callback, 1 number": {
            "clock": True,
            "alphas": [Adjustable(1e-4)],
            "callbacks": [callback],
        },
    }
    # A dense layer has 2 variables and 4 slots of Adam.
    for layers in (5, 49):
        base, count = seconds_per_step(layers, arguments.steps)
        report_added(
            f"Model of {count} variables, {keras.backend.backend()}",
            base,
            {
                name: seconds_per_step(layers, arguments.steps, **options)[0]
                for name, options in others.items()
            },
            {"clock, 1 number": target, "clock, 8 numbers": 8 * target},
            arguments.pairs,
        )
        print()


def seconds_per_step(layers, steps, clock=False, alphas=(), callbacks=()):
    """A function that trains and returns the mean CPU time, and how many variables."""
    # On kernels and biases of the first four layers.
    alphas = [*alphas, *[1e-4] * (8 - len(alphas))]
    penalties = [
        {"kernel_regularizer": ElasticNet(alpha), "bias_regularizer": ElasticNet(beta)}
        for alpha, beta in zip(alphas[:4], alphas[4:], strict=True)
    ]
    penalties += [{}] * (layers - len(penalties))
    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    model = keras.Sequential(
        [
            keras.Input((32,)),
            *([Clock()] if clock else []),
            *[keras.layers.Dense(32, "relu", **options) for options in penalties],
        ]
    )
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(8 * steps, 32)).astype("float32")

    def run():
        start = time.process_time()
        model.fit(x, x, batch_size=8, verbose=0, callbacks=list(callbacks))
        return (time.process_time() - start) / steps

    run()  # Compiles.
    state = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return run, len(state)


if __name__ == "__main__":
    main()
