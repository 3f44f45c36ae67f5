"""LSUV and Kaiming against naive initialization in a deep plain network.

A network of 30 dense layers of 64 units, with no normalization and no shortcut, learns
the digits in 10 epochs. Expected: with naive values the signal dies on the way, and
nothing is learned; Glorot, which is Keras's default and made for linear units, loses
half of the variance in each layer.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/initialization.py [--seeds 10]
"""

import argparse

import keras
from comparison import compare
from network import train

from kdl.initializers import Kaiming, lsuv

DEPTH = 30


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    normal = keras.initializers.RandomNormal
    arms = {
        "normal, 0.05": lambda seed: score(seed, normal(stddev=0.05)),
        "normal, 0.5": lambda seed: score(seed, normal(stddev=0.5)),
        "Glorot": lambda seed: score(seed, "glorot_uniform"),
        "Kaiming": lambda seed: score(seed, Kaiming("relu")),
        "LSUV": lambda seed: score(
            seed, "glorot_uniform", lambda model, x: lsuv(model, x[:256], seed=seed)
        ),
    }
    title = f"Accuracy of {DEPTH} plain layers on the digits after 10 epochs, Adam"
    compare(title, arms, parser.parse_args().seeds)


def score(seed, initializer, before=None):
    optimizer = keras.optimizers.Adam(1e-3)
    options = {"kernel_initializer": initializer, "hidden": [64] * DEPTH}
    return train(seed, optimizer, "stratified", 10, before=before, **options)[1]


if __name__ == "__main__":
    main()
