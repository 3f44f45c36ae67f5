"""One-cycle against a cosine and a constant rate, in epochs to a fixed accuracy.

A network is trained for 2, 3, 4, 6, 8, 12, 16 and 24 epochs, by a schedule that ends
with the training and at a learning rate that is best in validation. The score is the
shortest training after which it gets 93 % of other writers' digits right: lower is
better. Expected, after Smith and Topin: one-cycle needs the fewest epochs.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/one_cycle.py [--seeds 10]
"""

import argparse

import keras
from comparison import chosen, compare
from network import steps, train

from kdl.schedules import OneCycle

LENGTHS = [2, 3, 4, 6, 8, 12, 16, 24]
RATES = [1e-3, 3e-3, 1e-2, 3e-2]
ACCURACY = 0.93


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    arms = {
        "constant": lambda seed: epochs_needed(seed, lambda rate, _: rate),
        "cosine": lambda seed: epochs_needed(
            seed, keras.optimizers.schedules.CosineDecay
        ),
        "one-cycle": lambda seed: epochs_needed(seed, OneCycle),
    }
    title = f"Epochs to an accuracy of {ACCURACY} on other writers' digits, Adam"
    compare(title, arms, parser.parse_args().seeds, digits=1)


def epochs_needed(seed, schedule):
    for epochs in LENGTHS:
        accuracy = chosen(
            lambda rate, epochs=epochs: train(
                seed,
                keras.optimizers.Adam(schedule(rate, steps(epochs))),
                epochs=epochs,
                hidden=(128, 128),
            ),
            RATES,
        )
        if accuracy >= ACCURACY:
            return epochs
    # Longer than all that were tried.
    return 2 * LENGTHS[-1]


if __name__ == "__main__":
    main()
