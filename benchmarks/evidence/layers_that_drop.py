"""Layers that drop at random against none, with few examples.

Networks learn 224 digits, are chosen by other digits of the same writers, and tested
on digits by others. In a dense network, units or connections of the hidden layers are
dropped; in a residual one, activations or squares of them after each block, whole
blocks, or rows and columns in the pooling, of which "fractional, fixed" has the finer
pooling without the chance. Each arm has the strength that is best in validation;
"none" has four trainings to choose from, that differ in their weights and order.
Expected, after the papers: all help where examples are few, DropConnect and Standout
more than dropout, and after convolutions DropBlock more than dropout.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/layers_that_drop.py [--seeds 10]
"""

import argparse
from functools import partial

import keras
from comparison import chosen, compare
from network import parts, scores, steps

from kdl.layers import (
    Clock,
    ConvBlock,
    DropBlock2D,
    DropConnectDense,
    Dropout,
    FractionalMaxPooling2D,
    ResidualBlock,
    Standout,
    StochasticDepth,
)
from kdl.schedules import Warmup

EPOCHS = 60
# Of 898 digits by the first writers, 224 are left to learn from.
SHARE = 3 / 4
STEPS = steps(EPOCHS, share=SHARE)
RATES = [0.1, 0.3, 0.5, 0.7]
# Lower, since a convolutional network has few activations to spare.
BLOCK_RATES = [0.02, 0.05, 0.1, 0.2]
RATIOS = [2 ** (1 / 3), 2 ** (1 / 2)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    arms = {
        "none": lambda seed: chosen(lambda draw: dense(seed, draw=draw), range(4)),
        "dropout": lambda seed: chosen(
            lambda rate: dense(seed, after=partial(Dropout, rate)), RATES
        ),
        "DropConnect": lambda seed: chosen(
            lambda rate: dense(seed, partial(DropConnectDense, rate=rate)), RATES
        ),
        "DropConnect of the paper": lambda seed: chosen(
            lambda rate: dense(
                seed,
                partial(
                    DropConnectDense, rate=rate, per_example=True, inference="gaussian"
                ),
            ),
            RATES,
        ),
        "Standout": lambda seed: chosen(
            lambda beta: dense(seed, partial(Standout, beta=beta)), [-1, 0, 1, 2]
        ),
    }
    compare("Accuracy of a dense network after 224 digits", arms, seeds, digits=4)
    arms = {
        "none": lambda seed: chosen(lambda draw: residual(seed, draw=draw), range(4)),
        "dropout": lambda seed: chosen(
            lambda rate: residual(seed, after=partial(Dropout, rate)), BLOCK_RATES
        ),
        "DropBlock": lambda seed: chosen(
            lambda rate: residual(
                seed, after=partial(DropBlock2D, Warmup(rate, STEPS), block_size=3)
            ),
            BLOCK_RATES,
        ),
        "stochastic depth": lambda seed: chosen(
            lambda rate: residual(seed, rate=rate), [0.2, 0.5, 0.8]
        ),
        "fractional": lambda seed: chosen(
            lambda ratio: residual(seed, partial(FractionalMaxPooling2D, ratio)),
            RATIOS,
        ),
        "fractional, fixed": lambda seed: chosen(
            lambda ratio: residual(seed, partial(FixedPooling, ratio)), RATIOS
        ),
    }
    compare("Accuracy of a residual network after 224 digits", arms, seeds, digits=4)


def dense(seed, layer=keras.layers.Dense, after=keras.layers.Identity, draw=0):
    keras.utils.set_random_seed(1000 * draw + seed)
    layers = [keras.layers.Flatten()]
    for _ in range(2):
        layers += [layer(128, activation="relu"), after()]
    return score(seed, layers)


def residual(
    seed,
    pooling=keras.layers.MaxPooling2D,
    after=keras.layers.Identity,
    rate=0.0,
    draw=0,
):
    keras.utils.set_random_seed(1000 * draw + seed)
    layers = [ConvBlock(16)]
    for depth, dropped in enumerate(StochasticDepth.linear_rates(rate, 4)):
        layers += [ResidualBlock(16, rate=dropped), after()]
        if depth == 0:
            # From 8 by 8 pixels to 4 by 4, or to 6 by 6 or 5 by 5 of RATIOS.
            layers.append(pooling())
    return score(seed, [*layers, keras.layers.GlobalAveragePooling2D()])


def score(seed, layers):
    data = parts("gallery", seed, SHARE)
    model = keras.Sequential(
        [keras.Input(data[0][0].shape[1:]), Clock(), *layers, keras.layers.Dense(10)]
    )
    rate = keras.optimizers.schedules.CosineDecay(3e-3, STEPS)
    return scores(model, keras.optimizers.Adam(rate), EPOCHS, *data)


class FixedPooling(FractionalMaxPooling2D):
    """Fractional max pooling that is in training as it is at inference."""

    def call(self, inputs, training=False):
        return super().call(inputs)


if __name__ == "__main__":
    main()
