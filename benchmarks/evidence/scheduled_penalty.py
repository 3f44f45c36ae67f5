"""A penalty whose strength follows a schedule against a constant one.

A network learns the digits of some writers, three tenths of them with a label drawn
anew, and is tested on others, with an elastic net that is constant, that grows from
zero over the training, or that fades to zero. Each has the strength that is best in
validation, on right labels, and "none" the best of four trainings. Expected: little,
and rather in favour of fading, since Golatkar, Achille and Soatto (2019) found that a
penalty matters early in the training.

The figures are in docs/benchmarks/evidence.md.

KERAS_BACKEND=jax python benchmarks/evidence/scheduled_penalty.py [--seeds 10]
"""

import argparse

import keras
from comparison import chosen, compare
from network import steps, train

from kdl.regularizers import ElasticNet
from kdl.schedules import Warmup

EPOCHS = 30
STRENGTHS = [1e-4, 3e-4, 1e-3, 3e-3]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    arms = {
        "constant": lambda seed: score(seed, lambda alpha: alpha),
        "growing": lambda seed: score(seed, lambda alpha: Warmup(alpha, steps(EPOCHS))),
        "fading": lambda seed: score(
            seed,
            lambda alpha: keras.optimizers.schedules.PolynomialDecay(
                alpha, steps(EPOCHS), 0.0
            ),
        ),
        "none": lambda seed: chosen(
            lambda draw: train(seed, adam(), epochs=EPOCHS, noise=0.3, draw=draw),
            range(4),
        ),
    }
    title = "Accuracy on digits after noisy labels, elastic net with an l1_ratio of 0.5"
    compare(title, arms, parser.parse_args().seeds, digits=4)


def score(seed, schedule):
    return chosen(
        lambda alpha: train(
            seed,
            adam(),
            epochs=EPOCHS,
            noise=0.3,
            kernel_regularizer=ElasticNet(schedule(alpha), 0.5),
        ),
        STRENGTHS,
    )


def adam():
    return keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(3e-3, steps(EPOCHS))
    )


if __name__ == "__main__":
    main()
